# All of a deployment of pullfix, as deploy.sh makes it: entries of audit logs
# come through a sink and a topic to the function, which grants what the rules
# let it, and writes a record that outlives it.

locals {
  deploy = "${path.module}/../deploy"
  rules  = coalesce(var.rules, "${path.module}/../rules.yaml")

  email                = "pullfix@${var.project}.iam.gserviceaccount.com"
  account              = google_service_account.account["pullfix"]
  trigger              = google_service_account.account["pullfix-trigger"]
  build                = google_service_account.account["pullfix-build"]
  pubsub_agent         = "serviceAccount:service-${data.google_project.pullfix.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  source_projects      = toset([for s in var.sources : trimprefix(s, "projects/") if startswith(s, "projects/")])
  source_folders       = toset([for s in var.sources : s if startswith(s, "folders/")])
  source_organizations = toset([for s in var.sources : s if startswith(s, "organizations/")])
  sources_above        = setunion(local.source_folders, local.source_organizations)

  # A project does not tell what holds it: that is read from above.
  folder_readers = module.targets.folders ? local.sources_above : toset([])
}

data "google_project" "pullfix" {
  project_id = var.project
}

resource "google_project_service" "api" {
  for_each = setunion(
    split("\n", chomp(file("${local.deploy}/apis.txt"))),
    ["storage.googleapis.com"],
    length(var.org_policies) == 0 ? [] : ["orgpolicy.googleapis.com"],
  )

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

resource "google_service_account" "account" {
  for_each = {
    pullfix         = "pullfix: runs the function"
    pullfix-trigger = "pullfix: calls the function"
    pullfix-build   = "pullfix: builds the function"
  }

  project      = var.project
  account_id   = each.key
  display_name = each.value

  depends_on = [google_project_service.api]
}

# What pullfix may change comes out of the policy alone.
module "targets" {
  source = "./modules/targets"

  policy    = file(local.rules)
  resources = var.resources
}
