// Package chart draws lines over two logarithmic axes. Series of points come in;
// an SVG of its own goes out, for light and dark pages, that asks nobody for
// anything.
package chart

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Chart is what is drawn. Both axes are logarithmic.
type Chart struct {
	Title, Description string
	X, Y               string // what the axes show
	Series             []Series
}

// Series is one line. The values of its points are greater than 0.
type Series struct {
	Name   string
	Points []Point
}

// Point is one measurement.
type Point struct{ X, Y float64 }

// The picture, in its own units.
const (
	width, height = 860, 520
	left, top     = 70, 60
	right, bottom = 290, 60 // to the right stand the names of the lines
)

// colours differ in lightness too, for those who see them alike; dark are those
// of dark pages.
var (
	colours = []string{"#0b5cad", "#b3261e", "#1b7f3b", "#8a4fbf", "#a15c00", "#00727a", "#c2185b", "#555555", "#6b7a00", "#9aa0a6"}
	dark    = []string{"#6cb2ff", "#ff8a80", "#7bd88f", "#c9a0ff", "#ffb74d", "#4dd0d9", "#ff80ab", "#bdbdbd", "#d4e157", "#6e7681"}
	dashes  = []string{"none", "7 4", "2 3", "10 3 2 3"}
)

// SVG writes the picture.
func (c Chart) SVG(out io.Writer) error {
	x, y := c.axes()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">`+"\n",
		width, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"description\">%s</desc>\n", html.EscapeString(c.Title), html.EscapeString(c.Description))
	c.style(&b)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="30" font-size="17" font-weight="600">%s</text>`+"\n", left, html.EscapeString(c.Title))
	grid(&b, x, y)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-16, html.EscapeString(c.X))
	fmt.Fprintf(&b, `<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-bottom)/2, html.EscapeString(c.Y))
	c.lines(&b, x, y)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (c Chart) style(b *strings.Builder) {
	b.WriteString("<style>\n.page { fill: #ffffff } text { fill: #1f2328 } .grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2.2 }\n")
	for n := range c.Series {
		fmt.Fprintf(b, ".s%d { stroke: %s } circle.s%[1]d { fill: %[2]s }\n", n, colours[n%len(colours)])
	}
	b.WriteString("@media (prefers-color-scheme: dark) {\n.page { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }\n")
	for n := range c.Series {
		fmt.Fprintf(b, ".s%d { stroke: %s } circle.s%[1]d { fill: %[2]s }\n", n, dark[n%len(dark)])
	}
	b.WriteString("}\n</style>\n")
}

// axis turns values into places.
type axis struct {
	low, high float64 // powers of ten
	from, to  float64
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// axes hold all points, between whole powers of ten.
func (c Chart) axes() (x, y axis) {
	x = axis{low: math.Inf(1), high: math.Inf(-1), from: left, to: width - right}
	y = axis{low: math.Inf(1), high: math.Inf(-1), from: height - bottom, to: top}
	for _, s := range c.Series {
		for _, p := range s.Points {
			x.low, x.high = min(x.low, math.Floor(math.Log10(p.X))), max(x.high, math.Ceil(math.Log10(p.X)))
			y.low, y.high = min(y.low, math.Floor(math.Log10(p.Y))), max(y.high, math.Ceil(math.Log10(p.Y)))
		}
	}
	x.high, y.high = max(x.high, x.low+1), max(y.high, y.low+1)
	return x, y
}

func grid(b *strings.Builder, x, y axis) {
	for power := x.low; power <= x.high; power++ {
		at := x.at(math.Pow(10, power))
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			at, top, at, height-bottom, at, height-bottom+20, label(power))
	}
	for power := y.low; power <= y.high; power++ {
		at := y.at(math.Pow(10, power))
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, at, width-right, at, left-8, at+4, label(power))
	}
}

// label writes a power of ten with commas.
func label(power float64) string {
	text := fmt.Sprintf("%.*f", int(max(0, -power)), math.Pow(10, power))
	for i := len(text) - 3; i > 0 && power >= 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// lines draws each series, and its name beside its last point or under the one
// above it.
func (c Chart) lines(b *strings.Builder, x, y axis) {
	for n, s := range c.Series {
		var path strings.Builder
		for i, p := range s.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x.at(p.X), y.at(p.Y))
		}
		fmt.Fprintf(b, `<path class="line s%d" stroke-dasharray="%s" d="%s"/>`+"\n", n, dashes[n%len(dashes)], &path)
		for _, p := range s.Points {
			fmt.Fprintf(b, `<circle class="s%d" cx="%.1f" cy="%.1f" r="3"/>`+"\n", n, x.at(p.X), y.at(p.Y))
		}
		at := top + 8 + n*34
		fmt.Fprintf(b, `<path class="line s%d" stroke-dasharray="%s" d="M%d %d h28"/><text x="%d" y="%d">%s</text>`+"\n",
			n, dashes[n%len(dashes)], width-right+18, at, width-right+54, at+4, html.EscapeString(s.Name))
	}
}
