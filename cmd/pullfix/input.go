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
		if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
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
	errs, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(errs.Fd())) || info.Size() < longFile {
		return file, nil
	}
	bar := progressbar.NewOptions64(info.Size(), progressbar.OptionSetWriter(errs), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription(name), progressbar.OptionClearOnFinish())
	reader := progressbar.NewReader(file, bar)
	return &reader, nil
}

// longFile is one that takes long enough for somebody to wonder, in bytes.
const longFile = 16 << 20
