package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

const mebibyte = 1 << 20

// starts measures processes from exec to their first answer, and what memory
// they have then.
func (b *bench) starts(ctx context.Context) error {
	nowhere, err := freeAddress(ctx) // no call is made before the first denial
	if err != nil {
		return err
	}
	env, err := b.deployed(nowhere)
	if err != nil {
		return err
	}
	for round := range b.plan.starts + 1 {
		for _, one := range []struct {
			of, binary, target string
			env                []string
		}{{table.Nothing, b.built.nothing, "nothing", nil}, {table.Floor, b.built.floor, "floor", nil}, {table.Function, b.built.function, "pullfix", env}} {
			s, err := b.startServer(ctx, one.binary, one.target, one.env...)
			if err != nil {
				return err
			}
			memory, err := s.memory()
			s.stop()
			if err != nil && !errors.Is(err, machine.ErrUnknown) {
				return err
			}
			if round == 0 {
				continue // reads the binary from the disk
			}
			b.add(one.of, table.Start, float64(s.first)/float64(time.Millisecond))
			if err == nil {
				b.add(one.of, table.Idle, float64(memory.Resident)/mebibyte)
				b.add(one.of, table.Shared, float64(memory.Proportional)/mebibyte)
			}
		}
	}
	return nil
}

// sizes measures the binaries.
func (b *bench) sizes(context.Context) error {
	for of, path := range map[string]string{table.Nothing: b.built.nothing, table.Floor: b.built.floor, table.Function: b.built.function} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		b.add(of, table.Size, float64(info.Size())/mebibyte)
	}
	return nil
}
