package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// TestChart draws, and reads the picture as a browser does.
func TestChart(t *testing.T) {
	c := Chart{
		Title: "Cost & work", Description: "A line.", X: "work", Y: "cost",
		Series: []Series{{"a <b>", []Point{{1, 1}, {10, 2.5}, {1000, 990}}}, {"flat", []Point{{1, 1}, {1000, 0.5}}}},
	}
	var b bytes.Buffer
	if err := c.SVG(&b); err != nil {
		t.Fatal(err)
	}
	text, elements := xml.NewDecoder(bytes.NewReader(b.Bytes())), map[string]int{}
	for {
		token, err := text.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	if elements["title"] != 1 || elements["desc"] != 1 || elements["circle"] != 5 {
		t.Errorf("got elements %v", elements)
	}
	for _, want := range []string{"prefers-color-scheme: dark", "Cost &amp; work", "a &lt;b&gt;", ">1,000<", ">0.1<"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if outside := regexp.MustCompile(`(href|src|url\(|@import)`).FindString(b.String()); outside != "" {
		t.Errorf("the picture asks for something: %s", outside)
	}
}

// TestPlaces puts powers of ten at even distances.
func TestPlaces(t *testing.T) {
	x, y := Chart{Series: []Series{{"", []Point{{1, 1}, {100, 1000}}}}}.axes()
	if a, b, c := x.at(1), x.at(10), x.at(100); b-a != c-b || a != left || c != width-right {
		t.Errorf("got %g, %g, %g", a, b, c)
	}
	if low, high := y.at(1), y.at(1000); low != height-bottom || high != top {
		t.Errorf("got %g, %g", low, high)
	}
}
