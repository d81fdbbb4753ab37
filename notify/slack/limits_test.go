package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// broken says where blocks are beyond what Slack documents
// (https://docs.slack.dev/reference/block-kit/blocks), each length counted in
// the way that gives most.
func broken(raw json.RawMessage) []string {
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return []string{err.Error()}
	}
	var c checker
	c.between("blocks", len(blocks), 1, 50)
	for i, b := range blocks {
		c.at = fmt.Sprintf("/blocks/%d", i)
		c.block(b)
	}
	return c.problems
}

type checker struct {
	at       string
	problems []string
}

func (c *checker) between(what string, n, least, most int) {
	if n < least || n > most {
		c.problems = append(c.problems, fmt.Sprintf("[ERROR] %s: %d, want %d to %d [json-pointer:%s]", what, n, least, most, c.at))
	}
}

func (c *checker) block(b map[string]any) {
	switch b["type"] {
	case "header":
		c.text(b["text"], "plain_text", 150)
	case "section":
		c.section(b)
	case "context":
		c.between("elements", len(list(b["elements"])), 1, 10)
		for _, e := range list(b["elements"]) {
			c.text(e, "", 3000)
		}
	case "actions":
		c.between("elements", len(list(b["elements"])), 1, 25)
		for _, e := range list(b["elements"]) {
			c.button(e)
		}
	case "rich_text":
		c.between("elements", len(list(b["elements"])), 1, 50)
		c.rich(b)
	default:
		c.problems = append(c.problems, fmt.Sprintf("[ERROR] unsupported type: %v [json-pointer:%s]", b["type"], c.at))
	}
}

func (c *checker) section(b map[string]any) {
	if b["text"] == nil && b["fields"] == nil {
		c.between("text and fields", 0, 1, 1)
	}
	if b["text"] != nil {
		c.text(b["text"], "", 3000)
	}
	if b["fields"] != nil {
		c.between("fields", len(list(b["fields"])), 1, 10)
	}
	for _, f := range list(b["fields"]) {
		c.text(f, "", 2000)
	}
}

func (c *checker) button(e any) {
	b, _ := e.(map[string]any)
	c.text(b["text"], "plain_text", 75)
	address, _ := b["url"].(string)
	c.between("url", length(address), 1, 3000)
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		c.problems = append(c.problems, "[ERROR] must be a valid URL [json-pointer:"+c.at+"]")
	}
}

// rich looks for texts at every depth; its other elements would be mentions.
func (c *checker) rich(b map[string]any) {
	for _, e := range list(b["elements"]) {
		e, _ := e.(map[string]any)
		switch e["type"] {
		case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
			c.between("elements", len(list(e["elements"])), 1, 100)
			c.rich(e)
		case "text":
			text, _ := e["text"].(string)
			c.between("text", length(text), 1, 3000)
		default:
			c.problems = append(c.problems, fmt.Sprintf("[ERROR] unsupported rich text: %v [json-pointer:%s]", e["type"], c.at))
		}
	}
}

func (c *checker) text(v any, kind string, most int) {
	t, _ := v.(map[string]any)
	if kind != "" && t["type"] != kind {
		c.problems = append(c.problems, fmt.Sprintf("[ERROR] type %v, want %s [json-pointer:%s]", t["type"], kind, c.at))
	}
	text, _ := t["text"].(string)
	c.between("text", length(text), 1, most)
	if !utf8.ValidString(text) || strings.TrimSpace(text) == "" {
		c.problems = append(c.problems, "[ERROR] no text [json-pointer:"+c.at+"]")
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// length is the most that Slack may count.
func length(s string) int {
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
	return max(len(escaped), len(utf16.Encode([]rune(escaped))))
}
