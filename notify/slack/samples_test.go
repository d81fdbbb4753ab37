package slack

import (
	"time"

	"github.com/pullfix/pullfix/notify"
)

const gcloud = `gcloud artifacts repositories add-iam-policy-binding app-images \
    --project=images-prod --location=europe-west1 \
    --member=serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com \
    --role=roles/artifactregistry.reader`

const terraform = `resource "google_artifact_registry_repository_iam_member" "service_111111111111" {
  project    = "images-prod"
  location   = "europe-west1"
  repository = "app-images"
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
}`

// failure is what all samples have in common.
func failure(tone notify.Tone) notify.Message {
	return notify.Message{
		Tone: tone, Kind: "run-image", Problem: "p1", Event: "e1", Count: 1, At: time.Date(2026, 3, 14, 2, 41, 7, 0, time.UTC),
		Title: "service checkout in shop-prod failed (run-image)",
		Why:   "the Cloud Run service agent may not read the image: it lacks artifactregistry.repositories.downloadArtifacts on the repository",
		Facts: []notify.Fact{
			{Name: "Who", Value: "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"},
			{Name: "Lacks", Value: "artifactregistry.repositories.downloadArtifacts"},
			{Name: "On", Value: "projects/images-prod/locations/europe-west1/repositories/app-images"},
			{Name: "Image", Value: "europe-west1-docker.pkg.dev/images-prod/app-images/checkout:v42"},
			{Name: "Deployed by", Value: "deployer@shop-prod.iam.gserviceaccount.com"},
			{Name: "Region", Value: "europe-west1"},
		},
		Links: []notify.Link{
			{Label: "Log entry", URL: "https://console.cloud.google.com/logs/query;query=insertId%3D%22e1%22?project=shop-prod"},
			{Label: "Service", URL: "https://console.cloud.google.com/run/detail/europe-west1/checkout?project=shop-prod"},
		},
	}
}

// sample is a message of each tone.
func sample(tone notify.Tone) notify.Message {
	m := failure(tone)
	switch tone {
	case notify.ActNow:
		m.Decision, m.Next = "no rule matches run-image in shop-prod", "Run the command below, then deploy again."
		m.Gcloud, m.Terraform = gcloud, terraform
	case notify.Refused:
		m.Decision = `nothing was granted, although rule "shop" allows it: the repository belongs to another organization`
		m.Next, m.Missed, m.Count = "Ask the owners of images-prod whether shop-prod may read app-images.", 4, 12
	case notify.Mended:
		m.Title = "service checkout in shop-prod may now be deployed: roles/artifactregistry.reader was granted"
		m.Decision, m.Next = `granted by rule "shop"`, "Deploy again in some minutes: the change takes that long to work."
	case notify.Observed:
		m.Title += ": roles/artifactregistry.reader would have been granted"
		m.Decision, m.Gcloud = `rule "shop" allows it, and pullfix only observes`, gcloud
		m.Next = "Run the command, then deploy again; with mode: enforce pullfix would have run it."
	case notify.Stopped:
		m.Title, m.Why = "pullfix has stopped granting", "10 grants within an hour are as many as the rules allow"
		m.Next, m.Facts = "Look at the last grants, then re-arm pullfix.", m.Facts[:1]
	case notify.Flood:
		m.Title, m.Why = "57 deploys failed within 10 minutes", "all of them lack artifactregistry.repositories.downloadArtifacts on app-images"
		m.Next, m.Missed, m.Count = "Look at the repository app-images: somebody may have removed a binding.", 56, 57
	}
	return m
}

// hostile is a message whose every text is written by somebody who wants to be
// noticed.
func hostile() notify.Message {
	const text = "<!channel> <@U123> <https://evil.example|your bank> @here *bold* _slanted_ ~struck~ `code` ``` :tada: https://evil.example &lt;!here&gt; \u202egnp"
	m := failure(notify.ActNow)
	m.Title, m.Why, m.Decision, m.Next = text, text, text, text
	m.Facts = []notify.Fact{{Name: text, Value: text}, {Name: "On", Value: "<!channel> *bold* :tada:"}}
	m.Gcloud, m.Terraform = "echo "+text, text
	m.Links = []notify.Link{{Label: text, URL: "https://safe.example/?a=<b>|c"}, {Label: "no", URL: "javascript:alert(1)"}}
	return m
}
