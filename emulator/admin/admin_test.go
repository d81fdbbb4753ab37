package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/eventarc/v1"
	"google.golang.org/api/firestore/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"
	"google.golang.org/api/orgpolicy/v2"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/serviceusage/v1"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

const seed = `
projects:
  - {id: ops, number: 900000000009, parent: folders/222}
  - {id: app-one, number: 111111111111, parent: folders/222}
  - {id: apart, number: 222222222222}
folders:
  - {name: folders/222, parent: organizations/333}
  - {name: folders/444, parent: folders/555}
  - {name: folders/555, parent: folders/444}
secrets:
  - {name: projects/app-one/secrets/hub, value: hunter2}
services:
  - {name: projects/app-one/locations/us-central1/services/web}
jobs:
  - {name: projects/app-one/locations/us-central1/jobs/nightly}
serviceAccounts:
  - {name: projects/ops/serviceAccounts/seeded@ops.iam.gserviceaccount.com}
`

// local is a cloud on a loopback port.
type local struct {
	*emulator.Cloud
	address string
}

func start(t *testing.T, seed string) *local {
	t.Helper()
	cloud, address := emulatortest.Start(t, seed)
	return &local{cloud, address}
}

// client makes one of Google's REST clients.
func client[C any](t *testing.T, l *local, dial func(context.Context, ...option.ClientOption) (C, error)) C {
	t.Helper()
	c, err := dial(t.Context(), option.WithEndpoint("http://"+l.address), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clients are Google's REST clients, by what they are for.
type clients struct {
	functions  *cloudfunctions.Service
	eventarc   *eventarc.Service
	firestore  *firestore.Service
	iam        *iam.Service
	logging    *logging.Service
	monitoring *monitoring.Service
	orgpolicy  *orgpolicy.Service
	pubsub     *pubsub.Service
	secrets    *secretmanager.Service
	services   *serviceusage.Service
}

func dial(t *testing.T, l *local) clients {
	t.Helper()
	return clients{
		client(t, l, cloudfunctions.NewService), client(t, l, eventarc.NewService), client(t, l, firestore.NewService), client(t, l, iam.NewService),
		client(t, l, logging.NewService), client(t, l, monitoring.NewService), client(t, l, orgpolicy.NewService), client(t, l, pubsub.NewService),
		client(t, l, secretmanager.NewService), client(t, l, serviceusage.NewService),
	}
}

// do is a call of a REST client.
func do[A any](t *testing.T, call func(...googleapi.CallOption) (A, error)) A {
	t.Helper()
	answer, err := call()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// wantCode wants an error of Google's REST services.
func wantCode(t *testing.T, err error, code int, text string) {
	t.Helper()
	var refused *googleapi.Error
	if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.Message, text) {
		t.Errorf("got %v, want %d and %q", err, code, text)
	}
}

// send sends a request as it is and returns the status and the answer.
func send(t *testing.T, l *local, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return res.StatusCode, answer
}

// make sends requests that must succeed: a method, a path and a body each.
func (l *local) make(t *testing.T, requests ...string) {
	t.Helper()
	for _, request := range requests {
		method, rest, _ := strings.Cut(request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if code, answer := send(t, l, method, path, body); code != http.StatusOK {
			t.Fatalf("%s: %d %v", request, code, answer)
		}
	}
}
