package emulatortest

import "testing"

// GoogleFirestore runs Google's own Firestore emulator, which is empty, and
// returns its address. It ends with the test. It takes any project and shows
// what the local Google Cloud is to answer
// (https://cloud.google.com/sdk/gcloud/reference/beta/emulators/firestore).
//
// It is for further tests (package internal/further), and needs gcloud with that
// component, and java.
func GoogleFirestore(t testing.TB) (address string) {
	t.Helper()
	return googleEmulator{name: "Firestore", command: "firestore", component: "cloud-firestore-emulator"}.start(t)
}
