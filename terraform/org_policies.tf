# What nobody may grant in projects that pullfix may change. deploy/org-policy has
# the constraints; each project can try one in dry run first.

locals {
  constraint_texts = [for f in fileset("${local.deploy}/org-policy", "constraint-*.yaml") : file("${local.deploy}/org-policy/${f}")]
  constraints = {
    for c in [
      for text in local.constraint_texts : yamldecode(replace(replace(text,
        "PULLFIX_ORGANIZATION", coalesce(var.organization, "-")),
      "PULLFIX_ACCOUNT", local.email))
    ] : trimprefix(basename(c.name), "custom.") => c
  }
  org_policies = merge([
    for project, constraints in var.org_policies : {
      for constraint, mode in constraints : "${project} ${constraint}" => { project = project, constraint = constraint, enforce = mode == "enforce" }
    }
  ]...)
}

resource "google_org_policy_custom_constraint" "constraint" {
  for_each = toset([for p in local.org_policies : p.constraint])

  parent         = "organizations/${var.organization}"
  name           = basename(local.constraints[each.key].name)
  display_name   = local.constraints[each.key].displayName
  description    = local.constraints[each.key].description
  action_type    = local.constraints[each.key].actionType
  condition      = local.constraints[each.key].condition
  method_types   = local.constraints[each.key].methodTypes
  resource_types = local.constraints[each.key].resourceTypes

  depends_on = [google_project_service.api]
}

resource "google_org_policy_policy" "policy" {
  for_each = local.org_policies

  parent = "projects/${each.value.project}"
  name   = "projects/${each.value.project}/policies/${google_org_policy_custom_constraint.constraint[each.value.constraint].name}"

  dynamic "spec" {
    for_each = each.value.enforce ? [true] : []
    content {
      rules {
        enforce = "TRUE"
      }
    }
  }
  dynamic "dry_run_spec" {
    for_each = each.value.enforce ? [] : [true]
    content {
      rules {
        enforce = "TRUE"
      }
    }
  }
}
