// Package iam is the vocabulary that every other package speaks: who
// ([Principal]) lacks what ([Permission]) where ([Resource]), what would give
// it to them ([Role], [Binding]), and what went wrong ([Kind]).
//
// Text comes in, values go out. Each type has one parser, and a value that
// exists is well-formed: a placeholder, a masked or a damaged name does not
// parse. Values are canonical, so == is equality and they serve as map keys.
// The zero value of each type means unknown and prints as "".
//
// The package is a leaf and pure: no clock, no network, no file.
package iam
