package emulatortest

import "testing"

// GooglePubSub runs Google's own Pub/Sub emulator, which is empty, and returns
// its address, at which it answers gRPC and REST. It ends with the test. It
// delivers, delivers again and gives up as Pub/Sub does; it knows nothing of
// permissions (https://cloud.google.com/pubsub/docs/emulator).
//
// The test is skipped as with [GoogleFirestore].
func GooglePubSub(t testing.TB) (address string) {
	t.Helper()
	return googleEmulator{name: "Pub/Sub", command: "pubsub", component: "pubsub-emulator"}.start(t, "--data-dir="+t.TempDir())
}
