# The way of a log entry: a sink where it is logged, the topic, and a subscription
# that pushes it to the function. The subscription is not one that Eventarc
# generates, which Terraform could not give a dead-letter topic.

locals {
  filter = replace(file("${local.deploy}/sink.filter"), "PULLFIX_ACCOUNT", local.email)
  topic  = "pubsub.googleapis.com/${google_pubsub_topic.entries.id}"
  writers = merge(
    { for s, sink in google_logging_project_sink.entries : "projects/${s}" => sink.writer_identity },
    { for s, sink in google_logging_folder_sink.entries : s => sink.writer_identity },
    { for s, sink in google_logging_organization_sink.entries : s => sink.writer_identity },
  )
}

resource "google_pubsub_topic" "entries" {
  project = var.project
  name    = "pullfix"

  depends_on = [google_project_service.api]
}

resource "google_logging_project_sink" "entries" {
  for_each = local.source_projects

  project                = each.key
  name                   = "pullfix"
  description            = "failed deploys, to pullfix"
  destination            = local.topic
  filter                 = local.filter
  unique_writer_identity = true

  depends_on = [google_pubsub_subscription.entries] # nothing comes in before it can go on
}

resource "google_logging_folder_sink" "entries" {
  for_each = local.source_folders

  folder           = each.key
  name             = "pullfix"
  description      = "failed deploys, to pullfix"
  destination      = local.topic
  filter           = local.filter
  include_children = true

  depends_on = [google_pubsub_subscription.entries]
}

resource "google_logging_organization_sink" "entries" {
  for_each = local.source_organizations

  org_id           = split("/", each.key)[1]
  name             = "pullfix"
  description      = "failed deploys, to pullfix"
  destination      = local.topic
  filter           = local.filter
  include_children = true

  depends_on = [google_pubsub_subscription.entries]
}

resource "google_pubsub_topic_iam_member" "writer" {
  for_each = var.sources

  project = var.project
  topic   = google_pubsub_topic.entries.name
  role    = "roles/pubsub.publisher"
  member  = local.writers[each.key]
}

resource "google_pubsub_subscription" "entries" {
  project                    = var.project
  name                       = "pullfix"
  topic                      = google_pubsub_topic.entries.id
  ack_deadline_seconds       = 600
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = google_cloudfunctions2_function.pullfix.service_config[0].uri
    oidc_token {
      service_account_email = local.trigger.email
    }
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 50
  }
  expiration_policy {
    ttl = ""
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.trigger,
    google_pubsub_subscription.dead_letters,
    google_pubsub_topic_iam_member.dead_letters,
    google_service_account_iam_member.push,
  ]
}

resource "google_service_account_iam_member" "push" {
  service_account_id = local.trigger.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent

  depends_on = [google_pubsub_topic.entries] # with the first topic the agent is made
}

resource "google_pubsub_topic" "dead_letters" {
  project = var.project
  name    = "pullfix-dead-letters"

  depends_on = [google_project_service.api]
}

resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "pullfix-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  message_retention_duration = "2678400s" # 31 days, the longest there is

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself moves what is given up.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "entries" {
  project      = var.project
  subscription = google_pubsub_subscription.entries.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
