package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// row is one line of the table of who, what and where.
type row struct{ name, value string }

func (e explanation) rows() []row {
	var rows []row
	for _, r := range []row{
		{"who", e.Principal},
		{"lacks", e.Permission},
		{"on", e.Resource},
		{"image", e.Image},
		{"deploys", e.workload},
		{"project", e.Project},
		{"least role", e.Role},
	} {
		if r.value != "" {
			rows = append(rows, r)
		}
	}
	return rows
}

// policyLine says what the policy would do, or nothing where none was asked.
func (e explanation) policyLine() string {
	if e.Decision == nil {
		return ""
	}
	verdict := e.Decision.Verdict
	if verdict == "grant" && e.Decision.Mode == "observe" {
		verdict = "grant, but only observe"
	}
	return fmt.Sprintf("%s: %s", verdict, e.Decision.Reason)
}

const pages = "https://github.com/pullfix/pullfix/blob/main/docs/errors/"

func (e explanation) page() string { return pages + e.Kind + ".md" }

// console is the page of the Google Cloud console on which a person would make
// the binding.
func (e explanation) console() string {
	r := e.on
	const base = "https://console.cloud.google.com/"
	project, location, id := r.Project().String(), r.Location(), r.ID()
	switch r.Type() {
	case iam.RepositoryType:
		return fmt.Sprintf("%sartifacts/docker/%s/%s/%s?project=%s", base, project, location, id, project)
	case iam.SecretType:
		return fmt.Sprintf("%ssecurity/secret-manager/secret/%s/versions?project=%s", base, id, project)
	case iam.ServiceType:
		return fmt.Sprintf("%srun/detail/%s/%s/security?project=%s", base, location, id, project)
	case iam.JobType:
		return fmt.Sprintf("%srun/jobs/details/%s/%s?project=%s", base, location, id, project)
	case iam.ServiceAccountType:
		return fmt.Sprintf("%siam-admin/serviceaccounts?project=%s", base, project)
	case iam.ProjectType:
		return fmt.Sprintf("%siam-admin/iam?project=%s", base, project)
	default:
		return ""
	}
}

// explainText prints findings for a person at a terminal.
type explainText struct {
	out   *bufio.Writer
	paint palette
	any   bool
}

func (v *explainText) show(e explanation) error {
	if v.any {
		fmt.Fprintln(v.out)
	}
	v.any = true
	for n, line := range wrap(e.Kind+": "+e.Reason, columns) {
		if n == 0 {
			line = strings.Replace(line, e.Kind, v.paint.bold(e.Kind), 1)
		}
		fmt.Fprintln(v.out, line)
	}
	fmt.Fprintln(v.out)
	for _, r := range e.rows() {
		v.row(r.name, r.value)
	}
	if line := e.policyLine(); line != "" {
		v.row("policy", line)
	}
	v.block("Run", e.Commands.Gcloud)
	v.block("Or in Terraform", e.Commands.Terraform)
	v.block("Find out who is refused, and run", e.outline)
	fmt.Fprintln(v.out)
	if url := e.console(); url != "" && e.Role != "" {
		fmt.Fprintf(v.out, "  %-*s%s\n", indent, "console", url)
	}
	fmt.Fprintf(v.out, "  %-*s%s\n", indent, "more", e.page())
	return v.out.Flush()
}

func (v *explainText) row(name, value string) { writeRow(v.out, name, value) }

// writeRow prints a name whole, so that it can be copied, and wraps a sentence.
func writeRow(out io.Writer, name, value string) {
	lines := []string{value}
	if strings.Contains(value, " ") {
		lines = wrap(value, columns-indent-2)
	}
	for _, line := range lines {
		fmt.Fprintf(out, "  %-*s%s\n", indent, name, line)
		name = ""
	}
}

// block prints a command as it stands, to be copied.
func (v *explainText) block(title, code string) {
	if code == "" {
		return
	}
	fmt.Fprintf(v.out, "\n%s:\n\n", title)
	for line := range strings.Lines(code) {
		fmt.Fprintf(v.out, "  %s\n", strings.TrimSuffix(line, "\n"))
	}
}

func (v *explainText) end() error {
	if !v.any {
		fmt.Fprintln(v.out, nothingKnown)
	}
	return v.out.Flush()
}

// explainMarkdown prints findings to be pasted into a ticket.
type explainMarkdown struct {
	out *bufio.Writer
	any bool
}

func (v *explainMarkdown) show(e explanation) error {
	if v.any {
		fmt.Fprintln(v.out)
	}
	v.any = true
	fmt.Fprintf(v.out, "### [%s](%s)\n\n%s\n\n| | |\n|---|---|\n", e.Kind, e.page(), plainMarkdown(e.Reason))
	for _, r := range e.rows() {
		fmt.Fprintf(v.out, "| %s | `%s` |\n", r.name, codeSpan.Replace(r.value))
	}
	if line := e.policyLine(); line != "" {
		fmt.Fprintf(v.out, "| policy | %s |\n", plainMarkdown(line))
	}
	v.block("sh", e.Commands.Gcloud)
	v.block("hcl", e.Commands.Terraform)
	v.block("sh", e.outline)
	if url := e.console(); url != "" && e.Role != "" {
		fmt.Fprintf(v.out, "\n[Console](%s)\n", url)
	}
	return v.out.Flush()
}

func (v *explainMarkdown) block(language, code string) {
	if code != "" {
		fmt.Fprintf(v.out, "\n```%s\n%s\n```\n", language, code)
	}
}

func (v *explainMarkdown) end() error {
	if !v.any {
		fmt.Fprintln(v.out, nothingKnown)
	}
	return v.out.Flush()
}

// codeSpan takes the meaning from what would end a code span or a table's cell.
var codeSpan = strings.NewReplacer("`", "'", "|", `\|`)

// plainMarkdown takes the meaning from characters that Markdown or HTML reads.
func plainMarkdown(s string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "|", `\|`, "@", "&#64;",
	).Replace(s)
}
