package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// binaries are the paths of what is measured.
type binaries struct {
	function, nothing, profiled, pullfix, rules string
	source                                      string // folder of the module
}

// build builds all into a folder, with the flags of the buildpack: none.
func build(ctx context.Context, dir string) (b binaries, err error) {
	mod, err := goCommand(ctx, "", "env", "GOMOD")
	if err != nil {
		return b, err
	}
	if b.source = filepath.Dir(mod); mod == "" || mod == os.DevNull {
		return b, fmt.Errorf("no go.mod here: run the bench in the folder of pullfix")
	}
	for _, one := range []struct {
		to   *string
		name string
		args []string
	}{
		{&b.function, "function", []string{"build", "./bench/function"}},
		{&b.nothing, "nothing", []string{"build", "./bench/nothing"}},
		{&b.profiled, "profiled", []string{"build", "./bench/profiled"}},
		{&b.pullfix, "pullfix", []string{"build", "./cmd/pullfix"}},
		{&b.rules, "rules.test", []string{"test", "-c", "./rules"}},
	} {
		*one.to = filepath.Join(dir, one.name+suffix())
		last := len(one.args) - 1
		args := append(one.args[:last:last], "-o", *one.to, one.args[last])
		if _, err := goCommand(ctx, b.source, args...); err != nil {
			return b, err
		}
	}
	return b, nil
}

func suffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var failed strings.Builder
	cmd.Dir, cmd.Stderr = dir, &failed
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, failed.String())
	}
	return strings.TrimSpace(string(output)), nil
}
