package scripttest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/monitoring"
)

// TestMain is what deploy.sh calls, where the test binary goes by that name.
func TestMain(m *testing.M) {
	var out string
	var err error
	switch filepath.Base(os.Args[0]) {
	case "gcloud":
		out, err = gcloud(os.Args[1:])
	case "pullfix":
		out, err = pullfix(os.Args[1:])
	case "sleep":
		os.Exit(0)
	default:
		os.Exit(m.Run())
	}
	fmt.Print(out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// logged is one call of gcloud, as it is kept for the test.
type logged struct {
	Changes bool
	Args    []string
	Locale  string
}

func record(changes bool, args []string) (err error) {
	f, err := os.OpenFile(os.Getenv("FAKE_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = json.NewEncoder(f).Encode(logged{changes, args, os.Getenv("LC_ALL")})
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// afterChange keeps the world as it is after each change, and stops the clock
// where the test wants to kill the script.
func afterChange(w *world) error {
	if dir := os.Getenv("FAKE_SNAPSHOTS"); dir != "" {
		if err := w.write(filepath.Join(dir, fmt.Sprintf("%03d.json", w.Changes))); err != nil {
			return err
		}
	}
	if dir := os.Getenv("FAKE_HANG"); dir != "" && os.Getenv("FAKE_HANG_AT") == fmt.Sprint(w.Changes) {
		if err := os.WriteFile(filepath.Join(dir, "hangs"), nil, 0o600); err != nil {
			return err
		}
		for range 1000 {
			if _, err := os.Stat(filepath.Join(dir, "go")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// pullfix stands in for the command. Its rules file is the list of targets.
func pullfix(args []string) (string, error) {
	switch command := strings.Join(args[:min(2, len(args))], " "); command {
	case "monitoring changes":
		return monitoringChanges(args[2:])
	case "rules check", "rules test":
		text, err := os.ReadFile(args[2])
		if err == nil && strings.Contains(string(text), "broken for "+command) {
			err = fmt.Errorf("%s:1:1: broken", args[2])
		}
		return "", err
	case "rules targets":
		text, err := os.ReadFile(args[2])
		if err != nil || len(args) == 3 {
			return string(text), err
		}
		return among(string(text))
	case "sink-filter --account":
		return fmt.Sprintf("severity >= ERROR\n-- don't\t\"$(x)\"\nAND NOT who=%q\n", args[2]), nil
	}
	return "", fmt.Errorf("pullfix: unexpected %q", args)
}

// monitoringChanges is what the command of that name does.
func monitoringChanges(args []string) (string, error) {
	var watch deploy.Watch
	removes := false
	for _, arg := range args[2:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--project":
			watch.Project = value
		case "--deployer":
			watch.Deployer = value
		case "--notification-channel":
			watch.Channels = append(watch.Channels, value)
		case "--remove":
			removes = true
		default:
			return "", fmt.Errorf("pullfix monitoring: unexpected %q", arg)
		}
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return "", err
	}
	there, err := monitoring.Parse(text)
	if err != nil {
		return "", err
	}
	wanted, err := watch.Documents(args[0])
	if err != nil {
		return "", err
	}
	steps := monitoring.Steps(args[0], wanted, there)
	if removes {
		steps = monitoring.Removal(args[0], wanted, there)
	}
	var out strings.Builder
	err = monitoring.Write(&out, args[1], steps)
	return out.String(), err
}

func among(targets string) (string, error) {
	names, err := io.ReadAll(os.Stdin)
	if err != nil {
		return "", err
	}
	var covered strings.Builder
	for name := range strings.FieldsSeq(string(names)) {
		for line := range strings.Lines(targets) {
			kind, pattern, _ := strings.Cut(strings.TrimSpace(line), " ")
			if ok, _ := path.Match(pattern, name); ok && kind != "channel-secret" {
				fmt.Fprintln(&covered, kind, name)
				break
			}
		}
	}
	return covered.String(), nil
}
