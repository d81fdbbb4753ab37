package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

func options(s *scene) VerifyOptions {
	return VerifyOptions{Digests: map[string]bool{"sha256:00": true}, Changes: s.all(), Account: pullfix, Grace: time.Minute}
}

// fromFile and fromCloud write a scene and verify what is read back.
func fromFile(t *testing.T, s *scene, o VerifyOptions) Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), s.records...)
	return verifiedFile(t, path, o)
}

func fromCloud(t *testing.T, s *scene, o VerifyOptions) Report {
	t.Helper()
	_, address := emulatortest.Start(t, twoProjects)
	writeCloud(t, openCloud(t, address, "ops"), s.records...)
	report, err := Verify(t.Context(), ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var sources = map[string]func(*testing.T, *scene, VerifyOptions) Report{"file": fromFile, "cloud": fromCloud}

func TestATrueHistoryMatches(t *testing.T) {
	for name, tell := range trueHistories {
		for source, verify := range sources {
			s := &scene{}
			tell(s)
			report := verify(t, s, options(s))
			if !report.OK() || report.Changes != len(s.changes) || report.Records == 0 && s.records != nil {
				t.Errorf("%s, in a %s: got %+v", name, source, report)
			}
		}
	}
}

func TestAllTrueHistoriesTogetherMatch(t *testing.T) {
	s := &scene{}
	for n, name := range slices.Sorted(maps.Keys(trueHistories)) {
		if strings.Contains(name, "reason names") || strings.Contains(name, "days later") { // all reasons are taken away
			continue
		}
		part := &scene{etag: s.etag + 10}
		trueHistories[name](part)
		for _, r := range part.records {
			r.Event, r.At = fmt.Sprint(n, r.Event), r.At.Add(time.Duration(n)*1000*time.Hour)
			s.records = append(s.records, r)
		}
		for _, c := range part.changes {
			c.At, c.Reason = c.At.Add(time.Duration(n)*1000*time.Hour), ""
			s.changes = append(s.changes, c)
		}
		s.etag = part.etag
	}
	slices.Reverse(s.changes) // as they may come
	for source, verify := range sources {
		if report := verify(t, s, options(s)); !report.OK() {
			t.Errorf("in a %s: got %+v", source, report)
		}
	}
}

func TestALieIsFound(t *testing.T) {
	for name, lie := range lies {
		for source, verify := range sources {
			s := &scene{}
			lie.tell(s)
			report := verify(t, s, options(s))
			ok := len(report.Mismatches) == len(lie.want)
			for n := 0; ok && n < len(lie.want); n++ {
				m := report.Mismatches[n]
				kind, rest, _ := strings.Cut(lie.want[n], " ")
				subject, why, _ := strings.Cut(rest, " ")
				ok = string(m.Kind) == kind && (m.Event == subject || m.ID == subject) && strings.Contains(m.Why, why) &&
					(m.Line > 0) == (source == "file" && m.Event != "") && !m.At.IsZero() && m.ID != "" && report.Counts[m.Kind] > 0
			}
			if !ok {
				t.Errorf("%s, in a %s: got %+v, want %q", name, source, report.Mismatches, lie.want)
			}
		}
	}
}

// TestWhatIsNotJudged verifies lies at times for which not everything is known.
func TestWhatIsNotJudged(t *testing.T) {
	at := one().At
	for name, change := range map[string]func(o *VerifyOptions){
		"too early": func(o *VerifyOptions) { o.Now = at.Add(30 * time.Second) },
		"too old":   func(o *VerifyOptions) { o.Since = at.Add(48 * time.Hour) },
	} {
		for lie, l := range lies {
			if lie == "a policy that nobody knows" || strings.Contains(lie, "before") || strings.Contains(lie, "names the record") {
				continue
			}
			s := &scene{}
			l.tell(s)
			o := options(s)
			change(&o)
			if report := fromFile(t, s, o); !report.OK() {
				t.Errorf("%s, %s: got %+v", lie, name, report.Mismatches)
			}
		}
	}
	s := &scene{}
	s.record(one(), PhaseIntent, "", "")
	o := options(s)
	o.Now = at.Add(time.Minute)
	if report := fromFile(t, s, o); report.Counts[MismatchNoResult] != 1 {
		t.Errorf("an intent as old as the grace time: got %+v", report)
	}
}

// TestWhatIsNotAsked verifies with nothing to verify against.
func TestWhatIsNotAsked(t *testing.T) {
	for lie, l := range lies {
		s := &scene{}
		l.tell(s)
		for _, m := range fromFile(t, s, VerifyOptions{}).Mismatches {
			if m.Kind != MismatchNoResult {
				t.Errorf("%s: got %+v", lie, m)
			}
		}
	}
}

// TestWithoutAnAccountEverybodyIsJudged also takes anybody's change for a grant.
func TestWithoutAnAccountEverybodyIsJudged(t *testing.T) {
	s := &scene{}
	s.grant(one())
	s.changes[0].Account = "ann@example.com"
	s.change(two(), "bob@example.com", time.Second, false)
	o := options(s)
	o.Account = ""
	report := fromFile(t, s, o)
	if len(report.Mismatches) != 1 || report.Mismatches[0].ID != "change-2" {
		t.Errorf("got %+v, want only change-2", report.Mismatches)
	}
}

func TestAReportStaysShort(t *testing.T) {
	s := &scene{}
	for n := range 3 * mostMismatches {
		r := about(fmt.Sprint(n))
		s.record(r, PhaseIntent, "", "")
		s.change(two(), pullfix, time.Duration(n)*time.Second, false)
	}
	report := fromFile(t, s, options(s))
	want := map[MismatchKind]int{MismatchNoResult: 3 * mostMismatches, MismatchNoIntent: 3 * mostMismatches}
	if diff := cmp.Diff(want, report.Counts); diff != "" || len(report.Mismatches) != 2*mostMismatches {
		t.Errorf("%d mismatches are kept, want %d; counts: -want +got\n%s", len(report.Mismatches), 2*mostMismatches, diff)
	}
}

// TestWhatIsNoRecordIsAMismatch goes on after it.
func TestWhatIsNoRecordIsAMismatch(t *testing.T) {
	s := &scene{}
	s.grant(one())
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f := open(t, path)
	write(t, f, s.records[0])
	if _, err := f.file.WriteString("{}\n"); err != nil {
		t.Fatal(err)
	}
	write(t, f, s.records[1])
	var got []string
	for _, m := range verifiedFile(t, path, options(s)).Mismatches {
		got = append(got, fmt.Sprint(m.Kind, " ", m.Line))
	}
	if diff := cmp.Diff([]string{"chain 2", "unreadable 2"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

var errBroken = errors.New("broken")

func TestVerifyThatCannotRead(t *testing.T) {
	noRecord := func(yield func(*Record, error) bool) { yield(nil, errBroken) }
	noChange := func(yield func(*PolicyChange, error) bool) { yield(nil, errBroken) }
	path := filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), record())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, records := Verify(t.Context(), noRecord, VerifyOptions{})
	_, changes := VerifyFile(t.Context(), path, VerifyOptions{Changes: noChange}, nil)
	_, late := VerifyFile(ctx, path, VerifyOptions{}, nil)
	for _, c := range []struct{ got, want error }{{records, errBroken}, {changes, errBroken}, {late, context.Canceled}} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}
