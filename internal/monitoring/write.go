package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Write writes a line for each step, its words with tabs between them, and into
// the folder the files that are to be sent, as NAME.json.
func Write(out io.Writer, folder string, steps []Step) error {
	var lines strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&lines, "%s\t%s\t%s", s.Do, s.Title, s.Name)
		if s.Fields != nil {
			file := filepath.Join(folder, s.File+".json")
			if err := writeFile(file, s.Fields); err != nil {
				return fmt.Errorf("monitoring: %w", err)
			}
			fmt.Fprintf(&lines, "\t%s", file)
		}
		lines.WriteByte('\n')
	}
	_, err := io.WriteString(out, lines.String())
	return err
}

func writeFile(name string, fields map[string]any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(fields); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o600)
}
