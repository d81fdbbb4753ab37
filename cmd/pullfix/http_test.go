package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func itoa(n int) string { return strconv.Itoa(n) }

// post PORT FILE [OLD=NEW …] sends a file as the entry of a Pub/Sub push, as
// curl would, with some words in it replaced. The word NOW stands for the time.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: post PORT FILE [OLD=NEW …]")
	}
	words := []string{"NOW", time.Now().UTC().Format(time.RFC3339Nano)}
	for _, pair := range args[2:] {
		before, after, _ := strings.Cut(pair, "=")
		words = append(words, before, after)
	}
	entry := []byte(strings.NewReplacer(words...).Replace(ts.ReadFile(args[1])))
	body := fmt.Sprintf(`{"message":{"messageId":"1","data":%q}}`, base64.StdEncoding.EncodeToString(entry))
	answer := request(ts, func() (*http.Response, error) {
		return http.Post("http://127.0.0.1:"+args[0], "application/json", bytes.NewReader([]byte(body)))
	})
	if ok := answer.status == http.StatusNoContent; ok == neg {
		ts.Fatalf("got status %d: %s", answer.status, answer.body)
	}
}

// get PORT PATH writes what a server answers to standard output.
func get(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: get PORT PATH")
	}
	answer := request(ts, func() (*http.Response, error) { return http.Get("http://127.0.0.1:" + args[0] + args[1]) })
	_, _ = ts.Stdout().Write(answer.body)
}

// policies PORT writes the policies of a local Google Cloud to standard output,
// as they are but for their etags.
func policies(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: policies PORT")
	}
	answer := request(ts, func() (*http.Response, error) {
		return http.Get("http://127.0.0.1:" + args[0] + "/_emulator/policies")
	})
	var all map[string]map[string]any
	ts.Check(json.Unmarshal(answer.body, &all))
	for _, policy := range all {
		delete(policy, "etag")
	}
	text, err := json.MarshalIndent(all, "", " ")
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), string(text))
}

type answer struct {
	status int
	body   []byte
}

// request waits for the server to come up.
func request(ts *testscript.TestScript, do func() (*http.Response, error)) answer {
	var err error
	for range 3000 {
		var resp *http.Response
		if resp, err = do(); err == nil {
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			ts.Check(err)
			return answer{resp.StatusCode, body}
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("no answer: %v", err)
	return answer{}
}
