package channels

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"

	"github.com/pullfix/pullfix/internal/lazy"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/notify"
)

// Secrets fetches what policies only refer to.
type Secrets struct {
	Lookup  func(name string) (value string, ok bool) // of an environment variable, as [os.LookupEnv] does
	Options []option.ClientOption                     // of the client of Secret Manager
}

// Of returns the secret behind a reference that a policy may hold: "env:NAME", or
// the name of a Secret Manager version.
func (s Secrets) Of(reference string) notify.Secret { return &secret{secrets: s, reference: reference} }

// secret is fetched on first use, and its value is no part of any error.
type secret struct {
	secrets   Secrets
	reference string
	value     lazy.Value[string]
}

func (s *secret) Get(ctx context.Context) (string, error) {
	return s.value.Get(func() (string, error) { return s.secrets.fetch(ctx, s.reference) })
}

func (s *secret) Forget() { s.value.Forget() }

// fetch returns the value without the line feed that echo puts behind it.
func (s Secrets) fetch(ctx context.Context, reference string) (value string, err error) {
	if name, ok := strings.CutPrefix(reference, "env:"); ok {
		value, _ = s.Lookup(name)
	} else {
		value, err = s.access(ctx, reference)
	}
	if value = strings.TrimSpace(value); err == nil && value == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", reference, err)
	}
	return value, nil
}

// access reads a secret version and holds its checksum against its bytes
// (https://cloud.google.com/secret-manager/docs/data-integrity).
func (s Secrets) access(ctx context.Context, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, retry.Default.Timeout)
	defer cancel()
	client, err := secretmanager.NewClient(ctx, s.Options...)
	if err != nil {
		return "", err
	}
	got, err := client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: version})
	if err := errors.Join(err, client.Close()); err != nil {
		return "", err
	}
	payload := got.GetPayload()
	sum := int64(crc32.Checksum(payload.GetData(), crc32.MakeTable(crc32.Castagnoli)))
	if payload.DataCrc32C != nil && payload.GetDataCrc32C() != sum {
		return "", errors.New("the checksum does not match its bytes")
	}
	return string(payload.GetData()), nil
}
