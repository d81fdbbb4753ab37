# The custom roles, made where they are bound. A role of a project can be bound
# within that project only, so without an organization each has roles of its own.

locals {
  roles = {
    for f in fileset("${local.deploy}/roles", "*.yaml") : trimsuffix(f, ".yaml") => yamldecode(file("${local.deploy}/roles/${f}"))
  }
  grant_roles = {
    repository  = "pullfixGrantRepository"
    secret      = "pullfixGrantSecret"
    service     = "pullfixGrantRun"
    job         = "pullfixGrantRun"
    worker-pool = "pullfixGrantRun"
  }

  grant_projects = { for type, names in module.targets.targets : type => toset([for n in names : split("/", n)[1]]) }
  check_projects = setunion(
    local.source_projects, [for p in module.targets.projects : p if !strcontains(p, "*")], values(local.grant_projects)...
  )
  bound = distinct(concat(
    [{ role = "pullfixRecord", project = var.project }],
    [for p in local.check_projects : { role = "pullfixCheck", project = p }],
    flatten([for type, projects in local.grant_projects : [for p in projects : { role = local.grant_roles[type], project = p }]]),
  ))

  # Whose the roles are that are bound in a project.
  owner = {
    for p in setunion([var.project], local.check_projects) : p => var.organization == null ? "projects/${p}" : "organizations/${var.organization}"
  }
}

resource "google_project_iam_custom_role" "role" {
  for_each = var.organization == null ? { for b in local.bound : "${b.project}/${b.role}" => b } : {}

  project     = each.value.project
  role_id     = each.value.role
  title       = local.roles[each.value.role].title
  description = local.roles[each.value.role].description
  stage       = local.roles[each.value.role].stage
  permissions = local.roles[each.value.role].includedPermissions

  depends_on = [google_project_service.api]
}

resource "google_organization_iam_custom_role" "role" {
  for_each = var.organization == null ? [] : toset(concat(
    local.bound[*].role,
    length(local.sources_above) > 0 ? ["pullfixCheck"] : [],
    length(local.folder_readers) > 0 ? ["pullfixFolders"] : [],
  ))

  org_id      = var.organization
  role_id     = each.key
  title       = local.roles[each.key].title
  description = local.roles[each.key].description
  stage       = local.roles[each.key].stage
  permissions = local.roles[each.key].includedPermissions

  depends_on = [google_project_service.api]
}
