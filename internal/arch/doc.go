// Package arch holds tests alone: they read the source of the whole module and
// fail when it leaves its design. Which package may import which, what the pure
// packages may not touch, what must be documented, and that the module builds
// and starts the way it is deployed.
package arch
