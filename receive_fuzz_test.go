package pullfix

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requested is a request as a server would have read it: what no header may
// hold is not in its headers.
func requested(contentType, id, typ, source string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	for name, value := range map[string]string{
		"Content-Type": contentType, "Ce-Id": id, "Ce-Type": typ, "Ce-Source": source, "Ce-Specversion": "1.0", "Ce-Time": "2026-03-04T05:09:00Z",
	} {
		value = strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f {
				return -1
			}
			return c
		}, value)
		if value = strings.TrimSpace(value); value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

// FuzzServeHTTP posts whatever there is to a function in a sound world. Each
// request is answered once, as done with; what could not be read is on record
// once, what says nothing of a denial is not, and no member but the one that the
// rules allow is ever in a policy.
func FuzzServeHTTP(f *testing.F) {
	story, entry := load(f, "granted")
	for _, envelope := range []string{"push", "binary", "audit", "structured", "raw"} {
		for _, data := range [][]byte{entry, []byte("<html>"), []byte(`{"insertId":"1"}`), {}} {
			headers, body, _ := wrap("1", envelope, data)
			f.Add(headers["Content-Type"], headers["Ce-Id"], headers["Ce-Type"], headers["Ce-Source"], []byte(body))
		}
	}
	s := newStage(f, story)
	before, granted := policyText(s.cloud), map[string]string(nil)
	f.Fuzz(func(t *testing.T, contentType, id, typ, source string, body []byte) {
		d, err := s.function.receive(httptest.NewRecorder(), requested(contentType, id, typ, source, body), new(scratch))
		if err != nil {
			t.Fatalf("a body that arrived whole is taken for one cut off: %v", err)
		}
		if d.id == "" || d.published.IsZero() {
			t.Errorf("got %+v, want an id and a time", d)
		}
		if d.err != nil && d.entry != nil {
			t.Errorf("both an entry and an error: %q, %v", d.entry, d.err)
		}
		again, _ := s.function.receive(httptest.NewRecorder(), requested(contentType, id, typ, source, body), new(scratch))
		if d.id != again.id || !bytes.Equal(d.entry, again.entry) {
			t.Errorf("the same request twice: got %q and %q", d.id, again.id)
		}

		s.log.b.Reset()
		writes := s.cloud.Calls()["WriteLogEntries"]
		answer := httptest.NewRecorder()
		s.function.ServeHTTP(answer, requested(contentType, id, typ, source, body))
		writes = s.cloud.Calls()["WriteLogEntries"] - writes
		if answer.Code != http.StatusNoContent || answer.Body.Len() > 0 {
			t.Errorf("got status %d, %q, want an event that is done with; log:\n%s", answer.Code, answer.Body, s.log)
		}
		event, err := d.read()
		switch findings := len(event.Findings); {
		case d.boring():
			if findings > 0 || writes > 0 {
				t.Errorf("passed over unread: it holds %d findings, and %d lines are on record", findings, writes)
			}
		case err != nil || findings > mostFindings:
			if writes != 1 {
				t.Errorf("%d lines on record of what cannot be read, want 1", writes)
			}
		case (writes > 0) != (findings > 0) || writes > 2*findings:
			t.Errorf("%d lines on record of %d findings", writes, findings)
		}

		if after := policyText(s.cloud); !cmp.Equal(after, before) && !cmp.Equal(after, granted) {
			if granted != nil || !strings.Contains(changed(before, after), agentOne) {
				t.Errorf("a policy changed:\n%s", changed(before, after))
			}
			granted = after
		}
	})
}
