// Package scripttest holds the tests of deploy.sh. The script comes in, and runs
// against a stand-in for gcloud that behaves: it keeps a world in a file, and
// refuses what Google Cloud refuses. What goes out is whether that world is the
// one that deploy.sh promises, however often it ran and wherever it was cut off.
package scripttest
