// Package docs holds tests alone: they read the pages in this folder and fail
// when a page says what the code does not do. Which kinds have a page, that the
// commands on it are those that pullfix prints, that the messages on it are
// read as what the page says, and that commands, blocks and links are sound.
package docs
