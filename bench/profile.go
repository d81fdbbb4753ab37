package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pullfix/pullfix/bench/table"
)

func newProfile() *cobra.Command {
	var (
		of, output, kind string
		seconds          int
	)
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Write a CPU profile of the function under load",
		Long: `Send the function events of one row of the table, as in a round, and write a
profile of that time for go tool pprof. --kind allocs tells what was allocated
since it was started.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newBench(cmd.Context(), wholePlan, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.close()
			return b.profile(cmd.Context(), of, kind, output, time.Duration(seconds)*time.Second)
		},
	}
	cmd.Flags().StringVar(&of, "of", "", "`row` of the table, such as \"uninteresting event\"")
	cmd.Flags().StringVar(&output, "output", "cpu.pprof", "`file` to write")
	cmd.Flags().StringVar(&kind, "kind", "cpu", "cpu, or another `profile` that runtime/pprof knows")
	cmd.Flags().IntVar(&seconds, "seconds", 5, "how long")
	_ = cmd.MarkFlagRequired("of") // it is one of this command
	return cmd
}

func (b *bench) profile(ctx context.Context, of, kind, output string, length time.Duration) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	b.built.function, b.env = b.built.profiled, []string{"PROFILE_ADDRESS=" + address}
	subjects, stop, err := b.subjects(ctx, func(name string) bool { return name == of && name != table.Nothing })
	defer stop()
	if err != nil {
		return err
	}
	if len(subjects) != 1 {
		return fmt.Errorf("--of %q: want a row of events that the function handles", of)
	}
	if _, err := b.turn(ctx, subjects[0], length/5); err != nil {
		return err
	}
	profile := func() error { return fetch(ctx, "http://"+address+"/debug/pprof/"+kind, output) }
	both, turn := errgroup.WithContext(ctx)
	both.Go(func() error {
		came, err := b.turn(turn, subjects[0], length)
		b.say("%.0f events/s", came.PerSecond())
		return err
	})
	if kind == "cpu" {
		kind = fmt.Sprintf("profile?seconds=%.0f", length.Seconds())
		both.Go(profile)
		return both.Wait()
	}
	if err := both.Wait(); err != nil {
		return err
	}
	return profile()
}

// fetch writes what is at a URL to a file.
func fetch(ctx context.Context, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, text)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
