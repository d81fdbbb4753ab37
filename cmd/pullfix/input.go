package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// standardInput is what stands for it among the arguments.
const standardInput = "-"

// inputName is the file that the only argument names.
func inputName(args []string) string {
	if len(args) == 0 {
		return standardInput
	}
	return args[0]
}

// openInput opens a file, or standard input. On a terminal a bar shows how far
// a long file is read.
func openInput(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == standardInput {
		if isTerminal(cmd.InOrStdin()) {
			fmt.Fprintln(cmd.ErrOrStderr(), "reading standard input; end it with Ctrl-D")
		}
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if !isTerminal(cmd.ErrOrStderr()) || info.Size() < longFile {
		return file, nil
	}
	reader := progressbar.NewReader(file, newBar(cmd.ErrOrStderr(), name, info.Size()))
	return &reader, nil
}

func newBar(errs io.Writer, name string, size int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(errs), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription(name), progressbar.OptionClearOnFinish())
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// longFile is one that takes long enough for somebody to wonder, in bytes.
const longFile = 16 << 20
