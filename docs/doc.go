// Package docs holds tests alone: they read the pages in this folder and the
// README, and fail when a page says what the code does not do. Which kinds and
// causes have a page or a section, that the words of alerts and the commands on
// it are those that pullfix prints, that the messages on it are read as what
// the page says, that settings, permissions and reactions to errors are those
// of the code, that the policies on it are read, and decide and tell what the
// page says, that the tables of keys, tones, fields of templates and of the
// record are those of the code, that what commands are shown to print they
// print, that the sums of costs are right, and that commands, blocks and links
// are sound.
package docs
