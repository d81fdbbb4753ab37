//go:build !race

package pullfix

// underRace is whether the race detector makes everything many times slower.
const underRace = false
