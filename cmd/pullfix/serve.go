package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/spf13/cobra"

	_ "github.com/pullfix/pullfix" // registers the function
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/settings"
)

const (
	loopback            = "127.0.0.1"
	defaultPort         = 8080
	defaultEmulatorPort = 8085
	localProject        = "pullfix-local" // holds the record where nothing else is said
)

func newServe() *cobra.Command {
	var (
		port, emulatorPort int
		local              bool
		seed, policy       string
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the function here",
		Long: `Run the function here, on a loopback port, with the settings of the PULLFIX_
environment variables. With --emulator it works on a local Google Cloud instead
of the real one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seed != "" && !local {
				return errors.New("--seed: want it together with --emulator")
			}
			if policy != "" {
				if err := os.Setenv("PULLFIX_RULES", policy); err != nil {
					return err
				}
			}
			if local {
				cloud, err := startEmulator(cmd.OutOrStdout(), emulatorPort, seed)
				if err != nil {
					return err
				}
				defer func() { _ = cloud.Close() }()
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return serve(ctx, cmd.OutOrStdout(), port)
		},
	}
	cmd.Flags().IntVar(&port, "port", defaultPort, "port of the function")
	cmd.Flags().BoolVar(&local, "emulator", false, "start a local Google Cloud and work on that")
	cmd.Flags().IntVar(&emulatorPort, "emulator-port", defaultEmulatorPort, "port of the local Google Cloud")
	cmd.Flags().StringVar(&seed, "seed", "", "`file` with what the local Google Cloud holds")
	cmd.Flags().StringVar(&policy, "rules", "", "policy `file` (default: PULLFIX_RULES, else one that grants nothing)")
	return cmd
}

// startEmulator starts a local Google Cloud and points the function at it.
func startEmulator(out io.Writer, port int, seed string) (*emulator.Cloud, error) {
	cloud, address, err := openEmulator(port, seed)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"PULLFIX_ENDPOINT": address, "PULLFIX_PROJECT": projectOr(localProject)} {
		if err := os.Setenv(name, value); err != nil {
			return nil, errors.Join(err, cloud.Close())
		}
	}
	fmt.Fprintf(out, "the local Google Cloud listens on %s\n", address)
	return cloud, nil
}

func projectOr(otherwise string) string {
	_, project := ownProject()
	return cmp.Or(project, otherwise)
}

// ownProject returns the variable that names the project of pullfix, and what is
// in it; both are "" where none does.
func ownProject() (variable, project string) {
	for _, name := range []string{"PULLFIX_PROJECT", "GOOGLE_CLOUD_PROJECT"} {
		if v := os.Getenv(name); v != "" {
			return name, v
		}
	}
	return "", ""
}

// projectID reads the id of a project from what a flag or a variable says.
func projectID(from, text string) (iam.Project, error) {
	p, err := iam.ParseProject(text)
	switch {
	case err != nil:
		return iam.Project{}, fmt.Errorf("%s: %w", from, err)
	case p.IsNumber():
		return iam.Project{}, fmt.Errorf("%s %q: want the id of the project, not its number", from, text)
	}
	return p, nil
}

// emptyPolicy stands for the default policy while the settings are checked.
var emptyPolicy = []byte("apiVersion: pullfix/v1\n")

func serve(ctx context.Context, out io.Writer, port int) error {
	if _, err := settings.Read(os.LookupEnv, emptyPolicy); err != nil {
		return err
	}
	if err := os.Setenv("FUNCTION_TARGET", "pullfix"); err != nil {
		return err
	}
	// The framework does not say when it listens: find out first that it can.
	address := net.JoinHostPort(loopback, strconv.Itoa(port))
	probe, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("function: %w", err)
	}
	if err := probe.Close(); err != nil {
		return fmt.Errorf("function: %w", err)
	}
	fmt.Fprintf(out, "the function listens on http://%s\n", address)
	ended := make(chan error, 1)
	go func() { ended <- funcframework.StartHostPort(loopback, strconv.Itoa(port)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("function: %w", err)
	case <-ctx.Done():
		return nil
	}
}
