package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// build is what a binary knows of how it was made. The version is that of the
// module: the go command takes it from the tag that was installed or is checked
// out. Without a tag it names the commit, and with neither it is "(devel)".
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified"`       // files were changed since the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, of which commit, and what it was built with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch format {
			case "text":
				return thisBuild().print(cmd.OutOrStdout())
			case "json":
				to := json.NewEncoder(cmd.OutOrStdout())
				to.SetIndent("", "  ")
				return to.Encode(thisBuild())
			default:
				return fmt.Errorf("--format %q: want text or json", format)
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func thisBuild() build {
	info, _ := debug.ReadBuildInfo()
	return buildOf(info)
}

// buildOf reads what the go command has written into a binary, or nil.
func buildOf(info *debug.BuildInfo) build {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	b := build{
		Version: cmp.Or(info.Main.Version, "(devel)"), Go: cmp.Or(info.GoVersion, runtime.Version()), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "pullfix %s\n", b.Version)
	if b.Commit != "" {
		fmt.Fprintf(&text, "commit %s", b.Commit)
		if b.Time != "" {
			fmt.Fprintf(&text, " of %s", b.Time)
		}
		if b.Modified {
			text.WriteString(", with changes")
		}
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "%s %s\n", b.Go, b.Platform)
	_, err := io.WriteString(out, text.String())
	return err
}
