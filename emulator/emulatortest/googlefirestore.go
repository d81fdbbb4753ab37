package emulatortest

import "testing"

// GoogleFirestore runs Google's own Firestore emulator, which is empty, and
// returns its address. It ends with the test. It takes any project and shows
// what the local Google Cloud is to answer
// (https://cloud.google.com/sdk/gcloud/reference/beta/emulators/firestore).
//
// The test is skipped unless PULLFIX_FURTHER is set and gcloud, its Firestore
// emulator and java are there. Where PULLFIX_NO_SKIP is set it fails instead.
func GoogleFirestore(t testing.TB) (address string) {
	t.Helper()
	return googleEmulator{name: "Firestore", command: "firestore", component: "cloud-firestore-emulator"}.start(t)
}
