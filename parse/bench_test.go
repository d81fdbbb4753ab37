package parse

import (
	"bytes"
	"encoding/json"
	"testing"

	"golang.org/x/tools/txtar"
)

// fixture returns one file of an archive in testdata.
func fixture(t testing.TB, archive, name string) []byte {
	t.Helper()
	a, err := txtar.ParseFile("testdata/" + archive + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			return bytes.TrimSpace(f.Data)
		}
	}
	t.Fatalf("%s: no file %q", archive, name)
	return nil
}

func BenchmarkEntry(b *testing.B) {
	data := fixture(b, "run-image-entries", "cause-tail.json")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if e, err := Entry(data); err != nil || len(e.Findings) != 1 {
			b.Fatal(e, err)
		}
	}
}

// logEntry has the fields that Entry reads.
type logEntry struct {
	InsertID, LogName, Timestamp, ReceiveTimestamp, Severity string
	ProtoPayload                                             struct {
		Type                                  string `json:"@type"`
		ServiceName, MethodName, ResourceName string
		Status                                struct {
			Code    int
			Message string
		}
		AuthenticationInfo struct{ PrincipalEmail, PrincipalSubject string }
		AuthorizationInfo  []struct {
			Resource, Permission string
			Granted              bool
		}
		Response struct {
			APIVersion, Kind string
			Metadata         struct {
				Name, Namespace string
				Labels          map[string]string
			}
			Spec struct {
				ServiceAccountName string
				Containers         []struct{ Name, Image string }
			}
			Status struct {
				Conditions []struct{ Type, Status, Reason, Message string }
			}
		}
	}
	Resource struct {
		Type   string
		Labels map[string]string
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	data := fixture(b, "run-image-entries", "cause-tail.json")
	b.Run("struct", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var e logEntry
			if err := json.Unmarshal(data, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var e map[string]any
			if err := json.Unmarshal(data, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUninteresting(b *testing.B) {
	data := fixture(b, "run-image-entries", "success.json")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if Interesting(data) {
			b.Fatal("interesting")
		}
	}
}

// BenchmarkStream reads JSON lines, one in a hundred of which tells of a
// failure.
func BenchmarkStream(b *testing.B) {
	line, failure := append(fixture(b, "run-image-entries", "success.json"), '\n'), append(fixture(b, "run-image-entries", "cause-tail.json"), '\n')
	lines := append(bytes.Repeat(line, 99), failure...)
	stream := bytes.Repeat(lines, 20)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		for doc, err := range Documents(bytes.NewReader(stream)) {
			if err != nil {
				b.Fatal(err)
			}
			if Interesting(doc) {
				e, err := Entry(doc)
				if err != nil {
					b.Fatal(err)
				}
				found += len(e.Findings)
			}
		}
		if found != 20 {
			b.Fatalf("found %d", found)
		}
	}
}
