package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// manyLines are the chained lines of so many records, as they are written.
func manyLines(t testing.TB, count int) []byte {
	t.Helper()
	var all bytes.Buffer
	chain := newChain()
	for n := range count {
		r := story(strconv.Itoa(n / 7))[n%7]
		r.Reason = fmt.Sprintf("rule %q allows %s to read %s; live state: the role is missing", r.Rule, r.Principal, r.Resource)
		r.EtagBefore, r.EtagAfter = fmt.Sprintf("BwX%09d=", n), fmt.Sprintf("BwY%09d=", n)
		line, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		line = chain.chained(line)
		chain.follow(line)
		all.Write(line)
	}
	return all.Bytes()
}

// BenchmarkDecode compares the ways to read one record.
func BenchmarkDecode(b *testing.B) {
	line := manyLines(b, 1)
	d := newDecoder()
	for _, way := range []struct {
		name   string
		decode func() error
	}{
		{"own", func() error { _, err := d.decode(line); return err }},
		{"encoding/json", func() error { return json.Unmarshal(line, new(Record)) }},
		{"strict with encoding/json", func() error { _, _, err := decodeAny(line); return err }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if err := way.decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const benchmarked = 98_000 // whole stories of seven

func benchmarkFile(b *testing.B, read func(path string) int) {
	data := manyLines(b, benchmarked)
	path := filepath.Join(b.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(data))/benchmarked, "B/record")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if got := read(path); got != benchmarked {
			b.Fatalf("read %d records, want %d", got, benchmarked)
		}
	}
	b.ReportMetric(float64(b.N)*benchmarked/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkReadFile(b *testing.B) {
	benchmarkFile(b, func(path string) (found int) {
		for r, err := range ReadFile(b.Context(), path, Query{Project: "app-one"}, nil) {
			if err != nil || r.Version != FormatVersion {
				b.Fatal(err)
			}
			found++
		}
		return found
	})
}

// BenchmarkVerifyFile checks the chain and follows the acts.
func BenchmarkVerifyFile(b *testing.B) {
	benchmarkFile(b, func(path string) int {
		report, err := VerifyFile(b.Context(), path, VerifyOptions{Digests: map[string]bool{record().PolicyDigest: true}}, nil)
		if err != nil || !report.OK() {
			b.Fatalf("%v: %v", report.Mismatches, err)
		}
		return report.Records
	})
}

// BenchmarkOpenFile learns what a file holds before it writes.
func BenchmarkOpenFile(b *testing.B) {
	benchmarkFile(b, func(path string) int {
		f, err := OpenFile(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		return f.lines
	})
}
