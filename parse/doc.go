// Package parse turns bytes into what was denied.
//
// In comes a Cloud Logging entry in JSON ([Entry]), a text that somebody
// pasted ([Text]), or a document that may be or hold either ([Any]). Out comes
// a [Finding] for each thing that went wrong: its kind, who lacks which
// permission where, which image, in which deploy.
//
// Structure beats prose. The fields of an entry say who and where; its
// sentences, parts of which users write, only confirm, and a finding whose
// parts contradict one another carries a Doubt. An identifier that is masked,
// cut off or a placeholder is unknown: nothing is guessed.
//
// The package is pure: no clock, no network, no file. Its time is linear in
// the size of the input.
package parse
