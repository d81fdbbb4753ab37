output "account" {
  description = "E-mail address of the account that pullfix acts as."
  value       = local.email
}

output "topic" {
  description = "Topic of the log entries."
  value       = google_pubsub_topic.entries.id
}

output "subscription" {
  description = "Subscription that pushes them to the function."
  value       = google_pubsub_subscription.entries.id
}

output "dead_letters" {
  description = "Subscription that holds what was given up."
  value       = google_pubsub_subscription.dead_letters.id
}

output "changeable" {
  description = "Resources whose policy pullfix may change, by type."
  value       = module.targets.targets

  precondition {
    condition     = length(module.targets.unnamed) == 0
    error_message = "resources ${jsonencode(module.targets.unnamed)}: no pattern of a rule that enforces covers them. Name what \"pullfix rules targets\" lists with a star."
  }
  precondition {
    condition     = !module.targets.folders || var.organization != null
    error_message = "rules: they name folders or organizations: want organization too: a role that can read folders is of an organization."
  }
  precondition {
    condition     = var.organization != null || !anytrue([for p in local.check_projects : can(regex("^[0-9]+$", p))])
    error_message = "rules: they name a project by its number: want its id, or organization: a role cannot be made in a project by its number."
  }
}

output "secrets_to_fill" {
  description = "Secrets that need a version before the channels work."
  value       = [for s in google_secret_manager_secret.channel : "projects/${var.project}/secrets/${s.secret_id}"]
}

# A pattern may be meant for what comes later. Until then it grants nothing.
check "patterns" {
  assert {
    condition     = length(module.targets.uncovered) == 0
    error_message = "Nothing in resources is covered by: ${join(", ", module.targets.uncovered)}. pullfix cannot grant there."
  }
}

check "folders" {
  assert {
    condition     = !module.targets.folders || length(local.folder_readers) > 0
    error_message = "Rules name folders or organizations, and no source is one: pullfix cannot read what holds a project, and every such deny matches."
  }
}
