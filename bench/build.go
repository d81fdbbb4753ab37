package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// binaries are the paths of what is measured.
type binaries struct {
	function, nothing, floor, profiled, pullfix, rules string
	source                                             string // folder of the module
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
		to         *string
		name, from string
		args       []string
	}{
		{&b.function, "function", "./bench/function", []string{"build"}},
		{&b.nothing, "nothing", "./bench/nothing", []string{"build"}},
		{&b.floor, "floor", "./bench/floor", []string{"build"}},
		{&b.profiled, "profiled", "./bench/profiled", []string{"build"}},
		{&b.pullfix, "pullfix", "./cmd/pullfix", []string{"build"}},
		{&b.rules, "rules.test", "./rules", []string{"test", "-c"}},
	} {
		*one.to = filepath.Join(dir, one.name+suffix())
		if _, err := goCommand(ctx, b.source, slices.Concat(one.args, []string{"-o", *one.to, one.from})...); err != nil {
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
