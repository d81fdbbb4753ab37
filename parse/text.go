package parse

import "github.com/pullfix/pullfix/iam"

// Text reads what somebody pasted: the output of a terminal or CI job, a copy
// from the console, a message from anywhere.
func Text(text string) []Finding {
	drafts := sentences(tidy(unwrap(decode(text))))
	var findings []Finding
	for i := range drafts {
		d := &drafts[i]
		if d.Kind == iam.RunImage {
			d.ownAgent()
		}
		findings = append(findings, d.Finding)
	}
	return findings
}
