# Whom pullfix tells, and which secrets it may read for that.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "archive" {}

variables {
  project = "ops"
  sources = ["projects/app-one"]
}

run "nobody" {
  assert {
    condition     = length(google_secret_manager_secret.channel) == 0 && length(google_secret_manager_secret_iam_member.channel) == 0
    error_message = "There are secrets, or pullfix may read some."
  }
}

run "slack" {
  variables {
    slack = true
  }
  assert {
    condition     = google_cloudfunctions2_function.pullfix.service_config[0].environment_variables["PULLFIX_SLACK"] == "projects/ops/secrets/pullfix-slack/versions/latest"
    error_message = "The function does not know the webhook's secret."
  }
  assert {
    condition     = [for b in google_secret_manager_secret_iam_member.channel : [b.project, b.secret_id, b.role, b.member]] == [["ops", "pullfix-slack", "roles/secretmanager.secretAccessor", "serviceAccount:pullfix@ops.iam.gserviceaccount.com"]]
    error_message = "pullfix may read other secrets than the webhook's."
  }
  assert {
    condition     = output.secrets_to_fill == ["projects/ops/secrets/pullfix-slack"]
    error_message = "It is not said which secrets need a version."
  }
}

run "mail" {
  variables {
    smtp = { server = "smtp://pullfix@mail.example.com:587", from = "pullfix@example.com", to = ["a@example.com", "b@example.com"] }
  }
  assert {
    condition = google_cloudfunctions2_function.pullfix.service_config[0].environment_variables == tomap({
      GOMEMLIMIT            = "200MiB"
      PULLFIX_PROJECT       = "ops"
      PULLFIX_SMTP          = "smtp://pullfix@mail.example.com:587"
      PULLFIX_SMTP_PASSWORD = "projects/ops/secrets/pullfix-smtp-password/versions/latest"
      PULLFIX_EMAIL_FROM    = "pullfix@example.com"
      PULLFIX_EMAIL_TO      = "a@example.com,b@example.com"
    })
    error_message = "The function does not know how to send mail."
  }
}

run "telemetry" {
  variables {
    otel = { OTEL_EXPORTER_OTLP_ENDPOINT = "http://10.0.0.9:4318" }
  }
  assert {
    condition = google_cloudfunctions2_function.pullfix.service_config[0].environment_variables == tomap({
      GOMEMLIMIT                  = "200MiB"
      PULLFIX_PROJECT             = "ops"
      OTEL_EXPORTER_OTLP_ENDPOINT = "http://10.0.0.9:4318"
    })
    error_message = "The function does not know where to send metrics and traces."
  }
}

run "mail_without_a_user" {
  variables {
    smtp = { server = "smtp://mail.example.com", from = "pullfix@example.com", to = ["a@example.com"] }
  }
  assert {
    condition     = length(google_secret_manager_secret.channel) == 0 && !contains(keys(google_cloudfunctions2_function.pullfix.service_config[0].environment_variables), "PULLFIX_SMTP_PASSWORD")
    error_message = "There is a password of nobody."
  }
}

run "channels_of_the_policy" {
  variables {
    rules        = "tests/policies/open.yaml"
    organization = "123"
    sources      = ["folders/222"]
    resources    = ["projects/shared-images/locations/us-central1/repositories/apps", "projects/team-a/secrets/db-main"]
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.channel)) == toset(["projects/secrets-of-ops/secrets/mail", "projects/secrets-of-ops/secrets/oncall-webhook"])
    error_message = "pullfix may not read the secrets of its channels, or may read others."
  }
}
