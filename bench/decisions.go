package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/tools/benchmark/parse"

	"github.com/pullfix/pullfix/bench/table"
)

// decisions runs the benchmark of package rules, which makes policies larger than
// a file may be.
func (b *bench) decisions(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.built.rules, "-test.run=^$", "-test.bench=^BenchmarkDecide$/^differ=from$/./^indexed$",
		"-test.benchtime="+b.plan.decide.String(), "-test.count="+strconv.Itoa(b.plan.rounds))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &output, &output, filepath.Join(b.built.source, "rules")
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1") // the names then end without a number
	if err := b.cores.StartServer(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("benchmark of decisions: %w: %s", err, &output)
	}
	measured, err := parse.ParseSet(&output)
	if err != nil {
		return err
	}
	for _, rules := range table.RuleCounts {
		name := fmt.Sprintf("BenchmarkDecide/differ=from/rules=%d/indexed", rules)
		for _, m := range measured[name] {
			b.add(table.Decisions(rules), table.Time, m.NsPerOp)
		}
		if measured[name] == nil {
			return fmt.Errorf("package rules has no benchmark %s", name)
		}
	}
	return nil
}
