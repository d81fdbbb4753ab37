// Package rest reads documents of Google Cloud over its REST services. The name
// of a service and a path come in; a decoded document goes out, the same one for
// whoever asks again, or an [Error] that says which permission was missing.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"
)

// Client calls the services of Google Cloud. It is safe for concurrent use.
type Client struct {
	http     *http.Client
	endpoint string // of a local Google Cloud; "" for the real one
	calls    Calls

	mu    sync.Mutex
	known map[string]*document
}

// Calls bounds the calls of a client.
type Calls struct {
	Timeout  time.Duration // of one attempt
	Attempts int           // of one call that a service is too busy for
	Backoff  gax.Backoff   // between them
}

// Default is for a person who waits.
var Default = Calls{
	Timeout:  30 * time.Second,
	Attempts: 4,
	Backoff:  gax.Backoff{Initial: 500 * time.Millisecond, Max: 4 * time.Second, Multiplier: 2},
}

const scope = "https://www.googleapis.com/auth/cloud-platform"

// New returns a client that uses the Application Default Credentials, or for an
// endpoint, host:port of a local Google Cloud, none.
func New(ctx context.Context, endpoint string, calls Calls) (*Client, error) {
	c := &Client{calls: calls, known: map[string]*document{}}
	if endpoint != "" {
		// Neither a proxy nor connections that others close are for it.
		c.http, c.endpoint = &http.Client{Transport: &http.Transport{}}, "http://"+endpoint+"/"
		return c, nil
	}
	var err error
	if c.http, _, err = transport.NewClient(ctx, option.WithScopes(scope)); err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return c, nil
}

// document is the answer to a question, once it is there.
type document struct {
	answered chan struct{}
	text     []byte
	err      error
}

// Get reads a document, once however often it is called.
func Get[T any](ctx context.Context, c *Client, service, path string) (*T, error) {
	return decode[T](c.once(ctx, http.MethodGet, service, path, nil))
}

// Ask is [Get] for what is read with a POST.
func Ask[T any](ctx context.Context, c *Client, service, path string, question any) (*T, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	return decode[T](c.once(ctx, http.MethodPost, service, path, body))
}

// Do calls a method, every time. It has to be one that may be repeated.
func Do[T any](ctx context.Context, c *Client, service, path string, request any) (*T, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return decode[T](c.call(ctx, http.MethodPost, service, path, body))
}

// Pages reads the pages of a list; next is the token of the one that follows.
func Pages[T any](ctx context.Context, c *Client, service, path string, next func(*T) string) iter.Seq2[*T, error] {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return func(yield func(*T, error) bool) {
		for token := ""; ; {
			from := path
			if token != "" {
				from += separator + "pageToken=" + url.QueryEscape(token)
			}
			page, err := Get[T](ctx, c, service, from)
			if !yield(page, err) || err != nil {
				return
			}
			if token = next(page); token == "" {
				return
			}
		}
	}
}

func decode[T any](text []byte, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if listsNull(text) {
		return nil, errors.New("answer: a list holds null, which no service of Google's answers")
	}
	return v, nil
}

// listsNull reports whether a list of the document holds null, which would be a
// nil pointer where whoever goes through it looks for none.
func listsNull(text []byte) bool {
	if !bytes.Contains(text, []byte("null")) {
		return false
	}
	var within []json.Delim
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch opening, ok := token.(json.Delim); {
		case token == nil && len(within) > 0 && within[len(within)-1] == '[':
			return true
		case !ok:
		case opening == '[' || opening == '{':
			within = append(within, opening)
		default:
			within = within[:len(within)-1]
		}
	}
}

// once makes a call for the first who asks; the others wait for its answer. One
// that was cut off is no answer.
func (c *Client) once(ctx context.Context, method, service, path string, body []byte) ([]byte, error) {
	key := method + " " + service + " " + path + " " + string(body)
	c.mu.Lock()
	d, asked := c.known[key]
	if !asked {
		d = &document{answered: make(chan struct{})}
		c.known[key] = d
	}
	c.mu.Unlock()
	if asked {
		select {
		case <-d.answered:
			return d.text, d.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	d.text, d.err = c.call(ctx, method, service, path, body)
	if ctx.Err() != nil {
		c.mu.Lock()
		delete(c.known, key)
		c.mu.Unlock()
	}
	close(d.answered)
	return d.text, d.err
}

// call tries again while the service is too busy.
func (c *Client) call(ctx context.Context, method, service, path string, body []byte) ([]byte, error) {
	backoff := c.calls.Backoff
	for left := c.calls.Attempts; ; {
		text, err := c.try(ctx, method, service, path, body)
		left--
		if err == nil || left <= 0 || !busy(err) || gax.Sleep(ctx, backoff.Pause()) != nil {
			return text, err
		}
	}
}

func busy(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable)
}

func (c *Client) try(ctx context.Context, method, service, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.calls.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base(service)+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errorOf(service, resp.StatusCode, text)
	}
	return text, nil
}

// largest is more than any document or page, or messages of Pub/Sub, have.
const largest = 64 << 20

func (c *Client) base(service string) string {
	if c.endpoint != "" {
		return c.endpoint
	}
	return "https://" + service + "/"
}
