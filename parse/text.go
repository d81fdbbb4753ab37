package parse

import "github.com/pullfix/pullfix/iam"

// Text reads what somebody pasted: the output of a terminal or CI job, a copy
// from the console, a message from anywhere.
func Text(text string) []Finding {
	drafts := sentences(tidy(unwrap(decode(text))))
	for i := range drafts {
		if d := &drafts[i]; d.Kind == iam.RunImage {
			d.ownAgent()
		}
	}
	contradict(drafts)
	var findings []Finding
	for i := range drafts {
		findings = append(findings, drafts[i].Finding)
	}
	return findings
}
