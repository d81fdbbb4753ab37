// Package emulatortest runs a local Google Cloud for a test. A seed in YAML
// comes in; an address, and options that point the official clients at it, go
// out. Both end with the test. Where a test is to show that Google's own
// emulator answers the same, [GoogleFirestore] runs that.
package emulatortest

import (
	"net"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pullfix/pullfix/emulator"
)

// Start runs a local Google Cloud that holds what the seed says, and returns
// its address.
func Start(t testing.TB, seed string) (cloud *emulator.Cloud, address string) {
	t.Helper()
	parsed, err := emulator.ParseSeed("seed.yaml", []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cloud = emulator.New(parsed)
	done := make(chan error, 1)
	go func() { done <- cloud.Serve(listener) }()
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Errorf("close the local Google Cloud: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("the local Google Cloud ended: %v", err)
		}
	})
	return cloud, listener.Addr().String()
}

// Options point an official client at the address. That of Firestore goes
// elsewhere where FIRESTORE_EMULATOR_HOST is set.
func Options(address string) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(address),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}
