mock_data "google_project" {
  defaults = {
    number = "900000000009"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = { uri = "https://pullfix-abc-uc.a.run.app" }
  }
}

override_resource {
  target = google_service_account.account["pullfix"]
  values = {
    email  = "pullfix@ops.iam.gserviceaccount.com"
    member = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.account["pullfix-trigger"]
  values = {
    email  = "pullfix-trigger@ops.iam.gserviceaccount.com"
    member = "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"
    name   = "projects/ops/serviceAccounts/pullfix-trigger@ops.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.account["pullfix-build"]
  values = {
    email  = "pullfix-build@ops.iam.gserviceaccount.com"
    member = "serviceAccount:pullfix-build@ops.iam.gserviceaccount.com"
    id     = "projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_pubsub_topic.entries
  values = {
    id = "projects/ops/topics/pullfix"
  }
}

override_resource {
  target = google_pubsub_topic.dead_letters
  values = {
    id = "projects/ops/topics/pullfix-dead-letters"
  }
}
