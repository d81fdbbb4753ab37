package parse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
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
	"caller=", "caller.", "missing-permission-", "authenticated-as-", "caller_does_not_have_",
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

// repeat returns about n bytes of elements of a list.
func repeat(form string, n int) string {
	return strings.TrimSuffix(string(hostile(form, n)), ",")
}

// deployEntry returns the entry of a deploy with a message and members of the
// response.
func deployEntry(message, response string) string {
	return `{"insertId":"1","logName":"projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event","timestamp":"2026-03-04T05:08:59Z",` +
		`"protoPayload":{"serviceName":"run.googleapis.com","status":{"code":9,"message":"` + message + `"},"response":{` + response + `}}}`
}

// callEntry returns the entry of a call to the registry with members of the
// status and of the payload.
func callEntry(status, payload string) string {
	return `{"insertId":"1","logName":"projects/app-one/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-03-04T05:08:59Z",` +
		`"protoPayload":{"serviceName":"artifactregistry.googleapis.com","status":{"code":7,` + status + `},` + payload + `}}`
}

const (
	manyImages    = "user must have permission to read the image gcr.io/p/i%d. "
	manySecrets   = "permission denied on secret: projects/p/secrets/s%d. "
	manyAgents    = "Google Cloud Run Service Agent service-%d@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, gcr.io/p/i. "
	manyDownloads = "permission 'artifactregistry.repositories.downloadArtifacts' denied on resource 'projects/p%d/locations/l/repositories/r'. "
	manyPlain     = "permission a.b.c%d denied. "
)

// hostileEntries grow in two places at once, n bytes in all: a reader that looks
// at all of one for each of the other is quadratic.
var hostileEntries = map[string]func(n int) string{
	"images x containers": func(n int) string {
		return deployEntry(repeat(manyImages, n/2), `"spec":{"containers":[`+repeat(`{"image":"a"},`, n/2)+`]}`)
	},
	"images x images": func(n int) string {
		return deployEntry(repeat(manyImages, n/2), `"spec":{"containers":[`+repeat(`{"image":"gcr.io/p/i%d"},`, n/2)+`]}`)
	},
	"images x specifications": func(n int) string {
		return deployEntry(repeat(manyImages, n/2), `"job":{`+repeat(`"k%d":{"spec":{"containers":[{"image":"a"}]}},`, n/2)+`}`)
	},
	"secrets x variables": func(n int) string {
		return deployEntry(repeat(manySecrets, n/2), `"spec":{"containers":[{"env":[`+repeat(`{"valueFrom":{"secretKeyRef":{"name":"a"}}},`, n/2)+`]}]}`)
	},
	"secrets x containers": func(n int) string {
		return deployEntry(repeat(manySecrets, n/2), `"spec":{"containers":[`+repeat(`{"env":[{"valueFrom":{"secretKeyRef":{"name":"a"}}}]},`, n/2)+`]}`)
	},
	"secrets x volumes": func(n int) string {
		return deployEntry(repeat(manySecrets, n/2), `"spec":{"containers":[],"volumes":[`+repeat(`{"secret":{"secretName":"projects/1%d/secrets/s"}},`, n/2)+`]}`)
	},
	"secrets x aliases": func(n int) string {
		return deployEntry(repeat(manySecrets, n/2), `"metadata":{"annotations":{"run.googleapis.com/secrets":"`+repeat("a%d:b,", n/2)+
			`"}},"spec":{"containers":[{"env":[{"valueFrom":{"secretKeyRef":{"name":"a"}}}]}]}`)
	},
	"permissions x permissions": func(n int) string {
		return callEntry(`"message":"x"`, `"authorizationInfo":[`+repeat(`{"permission":"a.b.c%d"},`, n)+`]`)
	},
	"permissions x details": func(n int) string {
		return callEntry(`"message":"x","details":[`+repeat(`{"reason":"IAM_PERMISSION_DENIED","metadata":{"permission":"a.b.d%d"}},`, n/2)+`]`,
			`"authorizationInfo":[`+repeat(`{"permission":"a.b.c%d"},`, n/2)+`]`)
	},
	"permissions x sentences": func(n int) string {
		return callEntry(`"message":"`+repeat(manyPlain, n/2)+`"`, `"authorizationInfo":[`+repeat(`{"permission":"a.b.c%d"},`, n/2)+`]`)
	},
	"downloads x name of the resource": func(n int) string {
		return callEntry(`"message":"`+repeat(manyDownloads, n/2)+`"`, `"resourceName":"`+repeat("a/", n/2)+`"`)
	},
	"downloads x address": func(n int) string {
		return callEntry(`"message":"`+repeat(manyDownloads, n/2)+`"`, `"request":{"requestUrl":"/v2/`+repeat("a/", n/2)+`"}`)
	},
	"downloads x service": func(n int) string {
		return strings.Replace(callEntry(`"message":"`+repeat(manyDownloads, n/2)+`"`, `"a":1`), `googleapis.com","status`, repeat(`\ue000`, n/2)+`","status`, 1)
	},
	"downloads x subject": func(n int) string {
		return callEntry(`"message":"`+repeat(manyDownloads, n/2)+`"`,
			`"authenticationInfo":{"principalEmail":"a@example.com","principalSubject":"user:@`+repeat(`\ue000`, n/2)+`"}`)
	},
	"agents x agents": func(n int) string { return deployEntry(repeat(manyAgents, n), `"a":1`) },
	"lead-ins x sentences": func(n int) string {
		return deployEntry(repeat("spec.a: ", n/8)+repeat("x permission a.b.c%d denied. ", n/2), `"a":1`)
	},
	"sentences x conditions": func(n int) string {
		return deployEntry("x "+repeat(manyPlain, n/2), `"status":{"conditions":[`+repeat(`{"type":"Ready","status":"False","message":"permission a.b.c1 denied. "},`, n/2)+`]}`)
	},
	"sentences x labels": func(n int) string {
		return strings.Replace(deployEntry(repeat("permission run.b.c%d denied. ", n/2), `"a":1`), `"timestamp"`,
			`"resource":{"labels":{"location":"l",`+repeat(`"\u0073%d":"x",`, n/2)+`}},"timestamp"`, 1)
	},
	"keys that are escaped": func(n int) string {
		return callEntry(`"message":"permission a.b.c denied"`, repeat(`"\u0073%d":1,`, n))
	},
}

// TestLargeEntries holds that nobody can make the reading of one entry
// expensive. The limit is what a slow and busy machine stays far below, and a
// small part of what a quadratic reader takes.
func TestLargeEntries(t *testing.T) {
	const limit = time.Minute
	entries := map[string]string{}
	for name, form := range hostileEntries {
		entries[name] = form(1 << 20)
	}
	for _, run := range slices.Concat(hostileRuns, hostileForms) {
		text, err := json.Marshal(string(hostile(run, 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		entries[fmt.Sprintf("%q", run)] = strings.Replace(deployEntry("@", `"a":1`), `"@"`, string(text), 1)
	}
	for name, entry := range entries {
		begin := time.Now()
		_, err := Entry([]byte(entry))
		took := time.Since(begin).Round(time.Millisecond)
		if t.Logf("%-40s %s, %v", name, took, err); took > limit {
			t.Fatalf("%s: %d bytes take longer than %s", name, len(entry), limit)
		}
	}
}

// TestLinearTime compares two sizes within one run, so that it does not depend
// on how fast the machine is. It is a further test, because other work on the
// machine can disturb it all the same.
func TestLinearTime(t *testing.T) {
	further.Only(t, "measures time")
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
	for name, form := range hostileEntries {
		if ratio := ratio(readers["Entry"], []byte(form(2*small)), []byte(form(2*small*factor))); ratio > 2.5*factor {
			t.Errorf("%s: %d times the input takes %.1f times as long", name, factor, ratio)
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
