package main

import (
	"bufio"
	"fmt"
)

// findingsView shows findings one by one.
type findingsView[T any] interface {
	show(T) error
	end() error
}

const nothingKnown = "Nothing that pullfix knows was recognised."

// findingsJSON prints one object that holds every finding.
type findingsJSON[T any] struct {
	out *bufio.Writer
	any bool
}

func (v *findingsJSON[T]) show(x T) error {
	before := `{"findings":[`
	if v.any {
		before = ","
	}
	v.any = true
	fmt.Fprintln(v.out, before)
	return writeJSON(v.out, x)
}

func (v *findingsJSON[T]) end() error {
	after := "]}"
	if !v.any {
		after = `{"findings":[]}`
	}
	fmt.Fprintln(v.out, after)
	return v.out.Flush()
}
