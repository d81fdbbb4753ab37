package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	changelogSection = regexp.MustCompile(`^## (?:Unreleased|([0-9]+\.[0-9]+\.[0-9]+) - (\S+))$`)
	changelogGroup   = regexp.MustCompile(`^### (Added|Changed|Deprecated|Removed|Fixed|Security)$`)
)

// badChangelog returns what is not in the form of Keep a Changelog: what is not
// released stands above the releases, which are newest first; each has groups of
// changes that have names of the form, and none is empty.
func badChangelog(text string) []string {
	var bad []string
	complain := func(line, why string) { bad = append(bad, line+": "+why) }
	title, text, _ := strings.Cut(text, "\n")
	if title != "# Changelog" {
		complain(title, `want "# Changelog"`)
	}
	var versions, days, groups []string
	sections, open := 0, "" // open is the heading below which nothing stands yet
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch section := changelogSection.FindStringSubmatch(line); {
		case section != nil:
			if open != "" {
				complain(open, "nothing is below it")
			}
			open, groups = line, nil
			if sections++; section[1] == "" {
				if sections > 1 {
					complain(line, "want it above the releases")
				}
				open = "" // nothing may have changed yet
				continue
			}
			versions, days = append(versions, section[1]), append(days, section[2])
		case changelogGroup.MatchString(line):
			if open != "" && !strings.HasPrefix(open, "## ") {
				complain(open, "nothing is below it")
			}
			if slices.Contains(groups, line) || sections == 0 {
				complain(line, "want it once in a section")
			}
			open, groups = line, append(groups, line)
		case strings.HasPrefix(line, "#"):
			complain(line, "want ## Unreleased, ## 1.2.3 - 2026-01-31, ### Added or another group")
		case strings.HasPrefix(line, "- "):
			if len(groups) == 0 {
				complain(line, "want it in a group")
			}
			open = ""
		}
	}
	if open != "" {
		complain(open, "nothing is below it")
	}
	if sections == 0 {
		complain("the file", "no section is there")
	}
	for i, v := range versions {
		if _, err := time.Parse(time.DateOnly, days[i]); err != nil {
			complain(days[i], "want a day such as 2026-01-31")
		}
		if i > 0 && (slices.Compare(numbers(versions[i-1]), numbers(v)) <= 0 || days[i-1] < days[i]) {
			complain(v, "want the newest release first")
		}
	}
	return bad
}

// numbers are those of a version, of which 1.10.0 is later than 1.9.0.
func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // of digits
		all = append(all, n)
	}
	return all
}

func TestChangelog(t *testing.T) {
	data, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range badChangelog(string(data)) {
		t.Errorf("CHANGELOG.md: %s", bad)
	}
	root, text := newRoot(), string(data)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if !strings.Contains(text, "`"+cmd.CommandPath()) && !strings.Contains(text, "`"+cmd.Name()+"`") {
			t.Errorf("CHANGELOG.md does not tell of %s", cmd.CommandPath())
		}
	}
	for _, named := range regexp.MustCompile("`pullfix ([a-z -]+)`").FindAllStringSubmatch(text, -1) {
		cmd, rest, err := root.Find(strings.Fields(named[1]))
		if err != nil || len(rest) > 0 || !cmd.HasParent() {
			t.Errorf("CHANGELOG.md tells of pullfix %s, which is no command", named[1])
		}
	}
}

func TestBadChangelogs(t *testing.T) {
	const good = "# Changelog\n\n## Unreleased\n\n## 1.10.0 - 2026-02-01\n\n### Added\n\n- A.\n\n### Fixed\n\n- B.\n\n## 1.9.0 - 2026-01-31\n\n### Added\n\n- C.\n"
	if bad := badChangelog(good); bad != nil {
		t.Errorf("got %q of a good one", bad)
	}
	for _, change := range []struct{ from, to, want string }{
		{"# Changelog", "# Changes", `want "# Changelog"`},
		{"## Unreleased\n\n", "## Next\n\n", "## Next: want ## Unreleased"},
		{"## 1.10.0 - 2026-02-01", "## Unreleased", "want it above the releases"},
		{"## 1.10.0 - 2026-02-01", "## 1.10 - 2026-02-01", "## 1.10 - 2026-02-01: want"},
		{"## 1.10.0 - 2026-02-01", "## 1.10.0 - 1.2.2026", "want a day"},
		{"## 1.10.0 - 2026-02-01", "## v1.10.0 - 2026-02-01", "## v1.10.0 - 2026-02-01: want"},
		{"## 1.10.0", "## 1.8.0", "1.9.0: want the newest release first"},
		{"2026-02-01", "2026-01-01", "1.9.0: want the newest release first"},
		{"### Fixed", "### Added", "want it once in a section"},
		{"### Fixed", "### Bugs", "### Bugs: want"},
		{"- B.\n\n", "", "### Fixed: nothing is below it"},
		{"- A.\n\n", "", "### Added: nothing is below it"},
		{"- C.\n", "", "### Added: nothing is below it"},
		{"### Added\n\n- C.\n", "", "## 1.9.0 - 2026-01-31: nothing is below it"},
		{"### Added\n\n- C.", "- C.", "- C.: want it in a group"},
		{good[13:], "", "no section is there"},
	} {
		if bad := badChangelog(strings.Replace(good, change.from, change.to, 1)); !strings.Contains(strings.Join(bad, "\n"), change.want) {
			t.Errorf("%q in place of %q: got %q, want %q", change.to, change.from, bad, change.want)
		}
	}
}
