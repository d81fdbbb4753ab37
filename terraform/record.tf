# What outlives a deployment: the record in a bucket of its own, and the ledger
# that instances share.

resource "google_logging_project_bucket_config" "record" {
  project        = var.project
  location       = "global"
  bucket_id      = "pullfix-record"
  description    = "the record of pullfix"
  retention_days = var.retention_days
  locked         = var.lock_record
}

resource "google_logging_project_sink" "record" {
  project                = var.project
  name                   = "pullfix-record"
  description            = "the record of pullfix, to its bucket"
  destination            = "logging.googleapis.com/projects/${var.project}/locations/global/buckets/${google_logging_project_bucket_config.record.bucket_id}"
  filter                 = "log_id(\"pullfix\")"
  unique_writer_identity = true
}

resource "google_firestore_database" "ledger" {
  count = var.create_database ? 1 : 0

  project     = var.project
  name        = "(default)"
  location_id = var.region
  type        = "FIRESTORE_NATIVE"

  depends_on = [google_project_service.api]
}

resource "google_firestore_field" "expires" {
  for_each = toset(["pullfix-budget", "pullfix-events", "pullfix-grants", "pullfix-problems"])

  project    = var.project
  database   = "(default)"
  collection = each.key
  field      = "expires"

  ttl_config {}

  depends_on = [google_firestore_database.ledger, google_project_service.api]
}
