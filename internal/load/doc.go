// Package load holds tests alone: they put the function under load and under
// attack. Its process, made as the functions buildpack makes it, and a local
// Google Cloud come up; events come in over real sockets at the concurrency that
// is deployed and at ten times that, and so do clients that are slow, gone or
// hostile. What comes out is read from the answers, the record, and what the
// system says of the process: every event answered, each on record once, memory
// bounded, no goroutine left.
package load
