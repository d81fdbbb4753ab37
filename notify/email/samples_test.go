package email

import (
	"time"

	"github.com/pullfix/pullfix/notify"
)

// sample is a message of a tone, as people get it.
func sample(t notify.Tone) notify.Message {
	m := samples[t]
	m.Tone, m.Event, m.At = t, "evt"+m.Problem, time.Date(2026, 11, 1, 3, 4, 5, 0, time.UTC)
	m.Count = max(m.Count, 1)
	return m
}

const (
	agent   = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	command = "gcloud artifacts repositories add-iam-policy-binding apps --project=shared-images --location=us-central1 " +
		"--member=" + agent + " --role=roles/artifactregistry.reader"
	terraform = `resource "google_artifact_registry_repository_iam_member" "web_pull" {
  project    = "shared-images"
  location   = "us-central1"
  repository = "apps"
  role       = "roles/artifactregistry.reader"
  member     = "` + agent + `"
}`
)

var facts = []notify.Fact{
	{Name: "Who", Value: agent},
	{Name: "Lacks", Value: "artifactregistry.repositories.downloadArtifacts"},
	{Name: "On", Value: "projects/shared-images/locations/us-central1/repositories/apps"},
	{Name: "Image", Value: "us-central1-docker.pkg.dev/shared-images/apps/web:v1"},
	{Name: "Deployed by", Value: "user:ana@example.com"},
	{Name: "Region", Value: "us-central1"},
}

var links = []notify.Link{
	{Label: "Service", URL: "https://console.cloud.google.com/run/detail/us-central1/web?project=app-one"},
	{Label: "Log entry", URL: "https://console.cloud.google.com/logs/query;query=insertId%3D%22abc%22?project=app-one"},
}

var samples = map[notify.Tone]notify.Message{
	notify.ActNow: {
		Kind: "run-image", Problem: "p1", Title: "service web in app-one failed (run-image)",
		Why:      "the service agent of Cloud Run in app-one may not read the repository shared-images/us-central1/apps",
		Decision: "nothing was granted: no rule matches a run-image failure of app-one",
		Next:     "Run the command below, or allow the grant in rules.yaml; then deploy again.",
		Facts:    facts, Gcloud: command, Terraform: terraform, Links: links,
	},
	notify.Refused: {
		Kind: "run-image", Problem: "p2", Title: "service web in app-one failed (run-image)",
		Why:      "the image us-central1-docker.pkg.dev/shared-images/apps/web:v1 does not exist",
		Decision: "nothing was granted, although rule apps-may-pull allows it",
		Next:     "Push the image, or deploy a tag that exists.",
		Facts:    facts, Links: links, Missed: 3, Count: 7,
	},
	notify.Mended: {
		Kind: "run-image", Problem: "p3", Title: "service web in app-one may now be deployed: roles/artifactregistry.reader was granted",
		Why:      "the service agent of Cloud Run in app-one could not read the repository shared-images/us-central1/apps",
		Decision: "granted by rule apps-may-pull",
		Next:     "Deploy again in two minutes: the change takes that long to work.",
		Facts:    facts, Links: links,
	},
	notify.Observed: {
		Kind: "run-image", Problem: "p4", Title: "service web in app-one failed (run-image): roles/artifactregistry.reader would have been granted",
		Why:      "the service agent of Cloud Run in app-one may not read the repository shared-images/us-central1/apps",
		Decision: "rule apps-may-pull allows the grant, and pullfix only observes",
		Next:     "Run the command below if the deploy is yours, or set mode: enforce.",
		Facts:    facts, Gcloud: command, Terraform: terraform, Links: links, Count: 2,
	},
	notify.Stopped: {
		Problem: "p5", Title: "pullfix has stopped granting",
		Why:      "10 grants in an hour are more than grantsPerHour allows",
		Decision: "nothing is granted until somebody re-arms it",
		Next:     "Look at the last grants, then run pullfix rearm.",
		Facts:    []notify.Fact{{Name: "Since", Value: "2026-11-01T03:04:05Z"}, {Name: "Grants", Value: "10 in the last hour"}},
		Gcloud:   "pullfix rearm --project=pullfix-prod", Links: links[1:],
	},
	notify.Flood: {
		Problem: "p6", Title: "deploys fail faster than they can be told one by one",
		Why:      "142 deploys failed in 5 minutes",
		Decision: "each failure is in the log, and is decided as usual",
		Next:     "Look at what changed in the last minutes before you mend a single failure.",
		Facts:    []notify.Fact{{Name: "Most of", Value: "run-image, 131 times"}, {Name: "Projects", Value: "app-one, app-two, app-three and 28 others"}},
		Links:    links[1:], Missed: 1, Count: 142,
	},
}
