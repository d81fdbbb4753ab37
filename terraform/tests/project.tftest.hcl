# pullfix for the deploys of one project, with the policy of this repository,
# which grants nothing.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "archive" {}

variables {
  project = "ops"
  sources = ["projects/app-one"]
}

run "the_way_of_an_entry" {
  assert {
    condition     = google_logging_project_sink.entries["app-one"].destination == "pubsub.googleapis.com/projects/ops/topics/pullfix"
    error_message = "The sink of the source goes elsewhere than to the topic."
  }
  assert {
    condition     = endswith(google_logging_project_sink.entries["app-one"].filter, "principalEmail = \"pullfix@ops.iam.gserviceaccount.com\"\n")
    error_message = "The filter of the sink does not leave out pullfix's own account."
  }
  assert {
    condition = google_pubsub_topic_iam_member.writer["projects/app-one"] == merge(google_pubsub_topic_iam_member.writer["projects/app-one"], {
      topic = "pullfix", role = "roles/pubsub.publisher", member = google_logging_project_sink.entries["app-one"].writer_identity
    })
    error_message = "The writer of the sink may not publish."
  }
  assert {
    condition     = length(google_logging_folder_sink.entries) + length(google_logging_organization_sink.entries) == 0
    error_message = "There is a sink above the project."
  }
  assert {
    condition = google_pubsub_subscription.entries == merge(google_pubsub_subscription.entries, {
      name = "pullfix", topic = "projects/ops/topics/pullfix", ack_deadline_seconds = 600, message_retention_duration = "86400s"
    })
    error_message = "The subscription is not as wanted."
  }
  assert {
    condition = google_pubsub_subscription.entries.push_config[0] == merge(google_pubsub_subscription.entries.push_config[0], {
      push_endpoint = "https://pullfix-abc-uc.a.run.app"
    })
    error_message = "Events are not pushed to the function."
  }
  assert {
    condition     = google_pubsub_subscription.entries.push_config[0].oidc_token[0].service_account_email == "pullfix-trigger@ops.iam.gserviceaccount.com"
    error_message = "Events are not pushed in the name of the trigger's account."
  }
  assert {
    condition     = google_pubsub_subscription.entries.dead_letter_policy[0] == { dead_letter_topic = "projects/ops/topics/pullfix-dead-letters", max_delivery_attempts = 50 }
    error_message = "Events are not given up after 50 attempts."
  }
  assert {
    condition     = google_pubsub_subscription.entries.retry_policy[0] == { minimum_backoff = "10s", maximum_backoff = "600s" }
    error_message = "Events do not come again after 10 to 600 seconds."
  }
  assert {
    condition     = google_pubsub_subscription.entries.expiration_policy[0].ttl == "" && google_pubsub_subscription.dead_letters.expiration_policy[0].ttl == ""
    error_message = "A subscription that is not used goes away."
  }
  assert {
    condition     = google_pubsub_subscription.dead_letters.message_retention_duration == "2678400s"
    error_message = "Dead letters are not kept for 31 days."
  }
  assert {
    condition = alltrue([
      for binding in [google_pubsub_topic_iam_member.dead_letters, google_pubsub_subscription_iam_member.entries] :
      binding.member == "serviceAccount:service-900000000009@gcp-sa-pubsub.iam.gserviceaccount.com"
    ])
    error_message = "The agent of Pub/Sub may not give events up."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letters.topic == "pullfix-dead-letters" && google_pubsub_topic_iam_member.dead_letters.role == "roles/pubsub.publisher"
    error_message = "The agent of Pub/Sub may not publish dead letters."
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.entries.role == "roles/pubsub.subscriber"
    error_message = "The agent of Pub/Sub may not take events away."
  }
}

run "the_function_its_rights_and_its_record" {
  assert {
    condition = google_cloudfunctions2_function.pullfix == merge(google_cloudfunctions2_function.pullfix, {
      name = "pullfix", project = "ops", location = "us-central1"
    })
    error_message = "The function is not named as wanted."
  }
  assert {
    condition = google_cloudfunctions2_function.pullfix.service_config[0] == merge(google_cloudfunctions2_function.pullfix.service_config[0], {
      service_account_email            = "pullfix@ops.iam.gserviceaccount.com", ingress_settings = "ALLOW_INTERNAL_ONLY", max_instance_count = 3,
      max_instance_request_concurrency = 10, available_cpu = "1", available_memory = "256Mi", timeout_seconds = 120
      environment_variables            = tomap({ GOMEMLIMIT = "200MiB", PULLFIX_PROJECT = "ops" })
    })
    error_message = "The function does not run as wanted."
  }
  assert {
    condition = google_cloudfunctions2_function.pullfix.build_config[0] == merge(google_cloudfunctions2_function.pullfix.build_config[0], {
      runtime = "go126", entry_point = "pullfix", service_account = "projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com"
    })
    error_message = "The function is not built as wanted."
  }
  assert {
    condition     = length(google_cloudfunctions2_function.pullfix.event_trigger) == 0
    error_message = "Eventarc delivers, too."
  }
  assert {
    condition = google_cloud_run_v2_service_iam_member.trigger == merge(google_cloud_run_v2_service_iam_member.trigger, {
      name = "pullfix", role = "roles/run.invoker", member = "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"
    })
    error_message = "The trigger's account may not call the function."
  }
  assert {
    condition     = toset([for b in google_project_iam_member.build : "${b.role} ${b.member}"]) == toset([for r in ["artifactregistry.writer", "logging.logWriter", "storage.objectViewer"] : "roles/${r} serviceAccount:pullfix-build@ops.iam.gserviceaccount.com"])
    error_message = "The account that builds has other roles than it needs."
  }
  assert {
    condition     = one([for s in data.archive_file.source.source : s.content if s.filename == "rules.yaml"]) == file("../rules.yaml")
    error_message = "The policy is not in the source."
  }
  assert {
    condition     = google_project_iam_member.record.role == "projects/ops/roles/pullfixRecord" && google_project_iam_member.record.project == "ops"
    error_message = "pullfix may not write its record."
  }
  assert {
    condition     = { for p, b in google_project_iam_member.check : p => "${b.role} ${b.member}" } == { app-one = "projects/app-one/roles/pullfixCheck serviceAccount:pullfix@ops.iam.gserviceaccount.com" }
    error_message = "pullfix may not check in the source, or may check elsewhere."
  }
  assert {
    condition     = toset(keys(google_project_iam_custom_role.role)) == toset(["app-one/pullfixCheck", "ops/pullfixRecord"])
    error_message = "There are other roles than needed."
  }
  assert {
    condition     = google_project_iam_custom_role.role["app-one/pullfixCheck"].permissions == toset(yamldecode(file("../deploy/roles/pullfixCheck.yaml")).includedPermissions)
    error_message = "The role has other permissions than its file."
  }
  assert {
    condition     = length(google_organization_iam_custom_role.role) == 0
    error_message = "There are roles of an organization."
  }
  assert {
    condition     = alltrue([for names in output.changeable : length(names) == 0])
    error_message = "A policy that observes lets pullfix change something."
  }
  assert {
    condition = google_logging_project_bucket_config.record == merge(google_logging_project_bucket_config.record, {
      project = "ops", location = "global", bucket_id = "pullfix-record", retention_days = 400, locked = false
    })
    error_message = "The bucket of the record is not as wanted."
  }
  assert {
    condition     = google_logging_project_sink.record.destination == "logging.googleapis.com/projects/ops/locations/global/buckets/pullfix-record" && google_logging_project_sink.record.filter == "log_id(\"pullfix\")"
    error_message = "The record does not go to its bucket."
  }
  assert {
    condition     = google_firestore_database.ledger[0].type == "FIRESTORE_NATIVE" && google_firestore_database.ledger[0].name == "(default)"
    error_message = "There is no ledger."
  }
  assert {
    condition     = toset(values(google_firestore_field.expires)[*].collection) == toset(["pullfix-budget", "pullfix-events", "pullfix-grants", "pullfix-problems"])
    error_message = "Documents of the ledger do not expire."
  }
}

run "a_database_that_is_there" {
  variables {
    create_database = false
    retention_days  = 3650
    lock_record     = true
  }
  assert {
    condition     = length(google_firestore_database.ledger) == 0 && length(google_firestore_field.expires) == 4
    error_message = "The database is made all the same, or nothing in it expires."
  }
  assert {
    condition     = google_logging_project_bucket_config.record.locked && google_logging_project_bucket_config.record.retention_days == 3650
    error_message = "The bucket is not locked for ten years."
  }
}

run "alerts_about_pullfix" {
  variables {
    notification_channels = ["projects/ops/notificationChannels/1"]
  }
  assert {
    condition     = length(google_monitoring_alert_policy.alert) > 0 && alltrue([for a in google_monitoring_alert_policy.alert : a.notification_channels == tolist(["projects/ops/notificationChannels/1"])])
    error_message = "An alert is told to nobody."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.alert["delivery"].conditions[0].condition_threshold[0].filter, "full_match(\"pullfix\")")
    error_message = "The alert about the delivery looks at another subscription."
  }
  assert {
    condition     = !anytrue([for a in google_monitoring_alert_policy.alert : strcontains(jsonencode(a), "PULLFIX_")])
    error_message = "A placeholder is left in an alert."
  }
  assert {
    condition     = !contains(keys(google_monitoring_alert_policy.alert), "deployment")
    error_message = "There is an alert about changes, and nobody whose changes are none."
  }
}

run "metrics_and_a_dashboard" {
  assert {
    condition     = toset(keys(google_logging_metric.metric)) == toset([for f in fileset("../deploy/metrics", "*.json") : trimsuffix(f, ".json")])
    error_message = "A metric is missing."
  }
  assert {
    condition     = alltrue([for name, m in google_logging_metric.metric : m.name == "pullfix-${name}"])
    error_message = "A metric has another name."
  }
  assert {
    condition     = alltrue([for m in google_logging_metric.metric : join(" ", sort([for l in m.metric_descriptor[0].labels : l.key])) == join(" ", try(keys(m.label_extractors), []))])
    error_message = "A label is extracted by nothing."
  }
  assert {
    condition     = google_logging_metric.metric["decisions"].label_extractors.cause == "EXTRACT(jsonPayload.cause)" && google_logging_metric.metric["stops"].project == "ops"
    error_message = "The metrics are not those of the files, in the project."
  }
  assert {
    condition     = strcontains(google_monitoring_dashboard.pullfix.dashboard_json, "\"projects/ops\"") && !strcontains(google_monitoring_dashboard.pullfix.dashboard_json, "PULLFIX_")
    error_message = "The dashboard looks at the logs of another project, or has a placeholder left."
  }
  assert {
    condition     = jsondecode(google_monitoring_dashboard.pullfix.dashboard_json).displayName == "pullfix" && !can(jsondecode(google_monitoring_dashboard.pullfix.dashboard_json).name)
    error_message = "The dashboard is another, or has a name that the provider would change again and again."
  }
}

run "alerts_about_changes" {
  variables {
    deployer = "ci@ops.iam.gserviceaccount.com"
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.alert["deployment"].conditions[0].condition_matched_log[0].filter, "principalEmail=\"ci@ops.iam.gserviceaccount.com\"")
    error_message = "Changes by whoever deploys raise an alarm."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.alert)) == toset([for f in fileset("../deploy/monitoring", "*.json") : trimsuffix(f, ".json")])
    error_message = "An alert is missing."
  }
}
