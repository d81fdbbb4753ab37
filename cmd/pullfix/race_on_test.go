//go:build race

package main

// underRace is whether the race detector makes everything many times slower.
const underRace = true
