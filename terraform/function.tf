# The function, out of the source of this repository and the policy.

locals {
  root = "${path.module}/.."

  # What the function is built of: the root package, what it imports, what these
  # embed. No other file: one with a secret may lie beside the source.
  packages = [
    ".", "audit", "iam", "ledger", "notify", "notify/email", "notify/slack", "parse", "remediate", "rules",
    "internal/brief", "internal/brief/samples", "internal/channels", "internal/combine", "internal/lazy", "internal/retry",
    "internal/ruling", "internal/settings", "internal/telemetry",
  ]
  files = toset(concat(["go.mod", "go.sum", "notify/email/mail.html", "notify/email/mail.txt"], flatten([
    for p in local.packages : [
      for f in fileset("${local.root}/${p}", "*.go") : trimprefix("${p}/${f}", "./") if !endswith(f, "_test.go")
    ]
  ])))

  environment = merge(
    { GOMEMLIMIT = "200MiB", PULLFIX_PROJECT = var.project }, # of the 256 MiB below
    var.slack ? { PULLFIX_SLACK = "projects/${var.project}/secrets/pullfix-slack/versions/latest" } : {},
    var.smtp == null ? {} : {
      PULLFIX_SMTP       = var.smtp.server
      PULLFIX_EMAIL_FROM = var.smtp.from
      PULLFIX_EMAIL_TO   = join(",", var.smtp.to)
    },
    var.otel,
    local.smtp_password ? { PULLFIX_SMTP_PASSWORD = "projects/${var.project}/secrets/pullfix-smtp-password/versions/latest" } : {},
  )
}

data "archive_file" "source" {
  type        = "zip"
  output_path = "${path.root}/.terraform/pullfix.zip"

  dynamic "source" {
    for_each = local.files
    content {
      filename = source.key
      content  = file("${local.root}/${source.key}")
    }
  }
  source {
    filename = "rules.yaml"
    content  = file(local.rules)
  }
}

resource "google_storage_bucket" "source" {
  project                     = var.project
  name                        = "${var.project}-pullfix-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # it is made of the repository again

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "pullfix-${data.archive_file.source.output_sha256}.zip"
  source = data.archive_file.source.output_path
}

resource "google_project_iam_member" "build" {
  for_each = toset(split("\n", chomp(file("${local.deploy}/build-roles.txt"))))

  project = var.project
  role    = each.key
  member  = local.build.member
}

resource "google_cloudfunctions2_function" "pullfix" {
  project     = var.project
  location    = var.region
  name        = "pullfix"
  description = "mends denied access of Cloud Run"

  build_config {
    runtime         = "go126"
    entry_point     = "pullfix"
    service_account = local.build.id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }
  service_config {
    service_account_email            = local.account.email
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # which lets in Pub/Sub of the project
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = var.concurrency
    available_cpu                    = "1"
    available_memory                 = "256Mi"
    timeout_seconds                  = 120
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environment
  }

  depends_on = [
    google_firestore_database.ledger,
    google_project_iam_member.build,
    google_project_iam_member.record,
    google_secret_manager_secret_iam_member.channel,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "trigger" {
  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.pullfix.name
  role     = "roles/run.invoker"
  member   = local.trigger.member
}
