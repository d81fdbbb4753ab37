package parse

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostileRuns are texts that make naive readers of text quadratic when they
// are repeated.
var hostileRuns = []string{
	" ", "\n", "\"", "'\n", "\\", "<", "{", "[", "*", "\x1b[", "&", "%!", "…", "\u202e",
	`{"a":`, `{"protoPayload":{`, `[{"message":{"data":"`, `"permission":"a.b.c",`,
	"<http://", "](https://", "permission ", "denied ", "403 ", "forbidden\n", "projects/", "projects/p/secrets/s ",
	"namespaces/p/services/s ", "pkg.dev/", "https://us-docker.pkg.dev/v2/p/r/i/manifests/v1 ", "gcr.io/p/i\n",
	"permission a.b.c denied on resource ", "permission 'a.b.c' denied on resource 'projects/p/locations/l/repositories/r' ",
	"must have permission to read the image, ", "cloud run service agent ", "authenticated as a@example.com ", "for project p ",
	"2026-01-02T03:04:05Z ", "Step #1: ", "| ", strings.Repeat("a", 79) + "\n", strings.Repeat("ab/", 30) + "\n",
	"not found ", "image a not found ", "lacks the ", "does not have permission to access ", "re\nsource ",
}

// hostileForms are repeated with a number that grows.
var hostileForms = []string{
	"permission 'a.b.c' denied on resource 'projects/p%d/locations/l/repositories/r'\n",
	"permission denied on secret: projects/p/secrets/s%d/versions/1 for revision service account a@p.iam.gserviceaccount.com. ",
	"service-%d@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, gcr.io/p/i.\n",
	"https://us-docker.pkg.dev/v2/p/r%d/i/manifests/v1: 403\n",
	`{"insertId":"%d","textPayload":"denied: quota exceeded"}` + "\n",
	`{"k%d":{"a":`,
	"https://us-docker.pkg.dev/v2/p/r%d/i/manifests/v1: 403 manifest unknown ",
	"PUT https://us-npm.pkg.dev/p/r%d/i 403 - quota exceeded - ",
}

// hostile returns about n bytes of what one of hostileRuns or hostileForms
// makes.
func hostile(form string, n int) []byte {
	if !strings.Contains(form, "%d") {
		return []byte(strings.Repeat(form, n/len(form)))
	}
	var b bytes.Buffer
	for i := 1; b.Len() < n; i++ {
		fmt.Fprintf(&b, form, i)
	}
	return b.Bytes()
}

// TestLinearTime compares two sizes within one run, so that it does not depend
// on how fast the machine is. It is a further test, because other work on the
// machine can disturb it all the same.
func TestLinearTime(t *testing.T) {
	if os.Getenv("PULLFIX_FURTHER") == "" {
		t.Skip("set PULLFIX_FURTHER=1 to run the tests that measure time")
	}
	const small, factor = 16 << 10, 4
	readers := map[string]func([]byte){
		"Text":      func(b []byte) { Text(string(b)) },
		"Any":       func(b []byte) { _, _ = Any(b) },
		"Entry":     func(b []byte) { _, _ = Entry(b) },
		"Documents": func(b []byte) { documents(b) },
	}
	for _, run := range slices.Concat(hostileRuns, hostileForms) {
		few, many := hostile(run, small), hostile(run, small*factor)
		for name, read := range readers {
			// A quadratic reader takes 16 times as long.
			if ratio := ratio(read, few, many); ratio > 2.5*factor {
				t.Errorf("%s of %q repeated: %d times the input takes %.1f times as long", name, run, factor, ratio)
			}
		}
	}
}

func documents(b []byte) {
	for _, err := range Documents(bytes.NewReader(b)) {
		if err != nil {
			return
		}
	}
}

// ratio returns how much longer the reader needs for many than for few: the
// least of some attempts, as others use the machine too.
func ratio(read func([]byte), few, many []byte) float64 {
	least := func(data []byte) time.Duration {
		shortest := time.Hour
		for range 2 {
			begin := time.Now()
			read(data)
			shortest = min(shortest, time.Since(begin))
		}
		return max(shortest, 50*time.Microsecond)
	}
	best := 1e9
	for range 12 {
		if best = min(best, float64(least(many))/float64(least(few))); best < 6 {
			break
		}
	}
	return best
}

// BenchmarkHostile shows which run costs most for a byte.
func BenchmarkHostile(b *testing.B) {
	for _, run := range slices.Concat(hostileRuns, hostileForms) {
		text := string(hostile(run, 32<<10))
		b.Run(fmt.Sprintf("%.20q", run), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Text(text)
			}
		})
	}
}
