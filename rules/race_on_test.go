//go:build race

package rules

// underRace is whether the race detector makes everything many times slower.
const underRace = true
