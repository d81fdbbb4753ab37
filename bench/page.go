package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// rewrite puts what is shown between the two marks of a page, which are
// <!-- NAME --> and <!-- end of NAME -->, and leaves the rest as it is.
func rewrite(path, name string, show func(io.Writer) error) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end of "+name+" -->\n")
	before, rest, found := bytes.Cut(page, begin)
	_, after, ended := bytes.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s: want the lines %q and %q", path, bytes.TrimSpace(begin), bytes.TrimSpace(end))
	}
	var text bytes.Buffer
	if err := show(&text); err != nil {
		return err
	}
	all := bytes.Join([][]byte{before, begin, []byte("\n"), text.Bytes(), []byte("\n"), end, after}, nil)
	return os.WriteFile(path, all, 0o600) // one that is there keeps its mode
}
