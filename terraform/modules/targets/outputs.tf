output "patterns" {
  description = "What enforcing rules name, as TYPE NAME, with * where the name is left open."
  value       = sort([for p in local.patterns : "${p.type} ${p.name}"])
}

output "targets" {
  description = "Single resources whose policy pullfix must be able to change, by type and name."
  value = {
    for type in keys(local.forms) : type => toset([for t in local.targets : t.name if t.type == type])
  }
}

output "projects" {
  description = "Projects in which an allow names something, whatever its mode, with * where the name is left open."
  value       = sort(local.projects)
}

output "unnamed" {
  description = "Resources that were given and that no rule names."
  value       = setsubtract(var.resources, [for t in local.targets : t.name])
}

output "uncovered" {
  description = "Patterns with * that none of the resources is covered by, as TYPE NAME."
  value       = sort([for key, names in local.covered : key if length(names) == 0])
}

output "folders" {
  description = "Whether rules name folders or organisations."
  value       = anytrue([for r in local.rules : anytrue([for f in try(r.from, []) : !startswith(f, "projects/")])])
}

output "channel_secrets" {
  description = "Secrets of the channels of the policy, without their versions."
  value = toset([
    for reference in try([for c in local.file.notify : c.type == "slack-webhook" ? c.target : try(c.secret, "")], []) :
    split("/versions/", reference)[0] if strcontains(reference, "/versions/")
  ])
}
