# The secrets of the channels. Their values are added by hand or by a pipeline, so
# that they are neither in a plan nor in the state.

locals {
  smtp_password = try(strcontains(var.smtp.server, "@"), false)

  own_secrets  = toset(concat(var.slack ? ["pullfix-slack"] : [], local.smtp_password ? ["pullfix-smtp-password"] : []))
  read_secrets = setunion(module.targets.channel_secrets, [for s in local.own_secrets : "projects/${var.project}/secrets/${s}"])
}

resource "google_secret_manager_secret" "channel" {
  for_each = local.own_secrets

  project   = var.project
  secret_id = each.key

  replication {
    auto {}
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "channel" {
  for_each = local.read_secrets

  project   = split("/", each.key)[1]
  secret_id = split("/", each.key)[3]
  role      = "roles/secretmanager.secretAccessor"
  member    = local.account.member

  depends_on = [google_secret_manager_secret.channel]
}
