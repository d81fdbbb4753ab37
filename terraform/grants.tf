# What the account of pullfix may do. What lets it change a policy is bound on
# single resources that enforcing rules name, and never on a project.

locals {
  # Roles that are bound on folders and organizations, where entries come from.
  above = merge(
    { for s in local.sources_above : "${s} pullfixCheck" => { source = s, role = "pullfixCheck" } },
    { for s in local.folder_readers : "${s} pullfixFolders" => { source = s, role = "pullfixFolders" } },
  )
}

resource "google_project_iam_member" "record" {
  project = var.project
  role    = "${local.owner[var.project]}/roles/pullfixRecord"
  member  = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_project_iam_member" "check" {
  for_each = local.check_projects

  project = each.key
  role    = "${local.owner[each.key]}/roles/pullfixCheck"
  member  = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_folder_iam_member" "above" {
  for_each = { for key, b in local.above : key => b if startswith(b.source, "folders/") }

  folder = each.value.source
  role   = "organizations/${var.organization}/roles/${each.value.role}"
  member = local.account.member

  depends_on = [google_organization_iam_custom_role.role]
}

resource "google_organization_iam_member" "above" {
  for_each = { for key, b in local.above : key => b if startswith(b.source, "organizations/") }

  org_id = split("/", each.value.source)[1]
  role   = "organizations/${var.organization}/roles/${each.value.role}"
  member = local.account.member

  depends_on = [google_organization_iam_custom_role.role]
}

resource "google_artifact_registry_repository_iam_member" "grant" {
  for_each = module.targets.targets["repository"]

  project    = split("/", each.key)[1]
  location   = split("/", each.key)[3]
  repository = split("/", each.key)[5]
  role       = "${local.owner[split("/", each.key)[1]]}/roles/pullfixGrantRepository"
  member     = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_secret_manager_secret_iam_member" "grant" {
  for_each = module.targets.targets["secret"]

  project   = split("/", each.key)[1]
  secret_id = split("/", each.key)[3]
  role      = "${local.owner[split("/", each.key)[1]]}/roles/pullfixGrantSecret"
  member    = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_cloud_run_v2_service_iam_member" "grant" {
  for_each = module.targets.targets["service"]

  project  = split("/", each.key)[1]
  location = split("/", each.key)[3]
  name     = split("/", each.key)[5]
  role     = "${local.owner[split("/", each.key)[1]]}/roles/pullfixGrantRun"
  member   = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_cloud_run_v2_job_iam_member" "grant" {
  for_each = module.targets.targets["job"]

  project  = split("/", each.key)[1]
  location = split("/", each.key)[3]
  name     = split("/", each.key)[5]
  role     = "${local.owner[split("/", each.key)[1]]}/roles/pullfixGrantRun"
  member   = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}

resource "google_cloud_run_v2_worker_pool_iam_member" "grant" {
  for_each = module.targets.targets["worker-pool"]

  project  = split("/", each.key)[1]
  location = split("/", each.key)[3]
  name     = split("/", each.key)[5]
  role     = "${local.owner[split("/", each.key)[1]]}/roles/pullfixGrantRun"
  member   = local.account.member

  depends_on = [google_project_iam_custom_role.role, google_organization_iam_custom_role.role]
}
