package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/emulator"
)

func newEmulator() *cobra.Command {
	var (
		port int
		seed string
	)
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run a local Google Cloud, for gcloud and other clients",
		Long: `Run a local Google Cloud: gRPC for the official clients and REST for gcloud, on
one loopback port. GET /_emulator/policies answers every policy by the name of
its resource, GET /_emulator/calls how often each method was called.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilInterrupted()
			defer stop()
			cloud, address, err := openEmulator(port, seed)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the local Google Cloud listens on %s\n", address)
			<-ctx.Done()
			return cloud.Close()
		},
	}
	cmd.Flags().IntVar(&port, "port", defaultEmulatorPort, "port to listen on; 0 for any that is free")
	cmd.Flags().StringVar(&seed, "seed", "", "`file` with what it holds at first")
	return cmd
}

// openEmulator serves a local Google Cloud on a loopback port in the
// background, and returns its address.
func openEmulator(port int, seedFile string) (*emulator.Cloud, string, error) {
	var seed *emulator.Seed
	if seedFile != "" {
		data, err := os.ReadFile(seedFile)
		if err != nil {
			return nil, "", fmt.Errorf("seed: %w", err)
		}
		if seed, err = emulator.ParseSeed(seedFile, data); err != nil {
			return nil, "", fmt.Errorf("seed: %w", err)
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return nil, "", fmt.Errorf("emulator: %w", err)
	}
	cloud := emulator.New(seed)
	go func() { _ = cloud.Serve(listener) }()
	return cloud, listener.Addr().String(), nil
}
