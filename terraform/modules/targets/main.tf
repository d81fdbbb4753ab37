# What the account of pullfix needs rights on, because a policy names it: the
# same that pullfix rules targets lists. A text comes in, and lists go out;
# nothing is created.

terraform {
  required_version = ">= 1.9"
}

locals {
  file  = yamldecode(var.policy)
  allow = try([for r in local.file.allow : r], [])
  deny  = try([for r in local.file.deny : r], [])
  rules = concat(local.allow, local.deny, try([for r in local.file.ignore : r], []))

  enforcing = [for r in local.allow : r if try(local.file.mode, "observe") == "enforce" && try(r.mode, "enforce") == "enforce"]

  # The least role of each kind that an allow may have. Without roles in the
  # rule the writer is none of them: who may write decides what others run.
  reader   = "roles/artifactregistry.reader"
  writer   = "roles/artifactregistry.writer"
  accessor = "roles/secretmanager.secretAccessor"
  invoker  = "roles/run.invoker"
  least    = [local.reader, local.accessor, local.invoker]

  grants = [
    { type = "repository", role = local.reader, kinds = ["run-image", "artifact-download", "caller-image"] },
    { type = "repository", role = local.writer, kinds = ["artifact-upload"] },
    { type = "secret", role = local.accessor, kinds = ["upstream-secret", "secret-access"] },
    { type = "service", role = local.invoker, kinds = ["invoker"] },
    { type = "job", role = local.invoker, kinds = ["invoker"] },
    { type = "worker-pool", role = local.invoker, kinds = ["invoker"] },
  ]
  forms = {
    repository  = ["projects", "*", "locations", "*", "repositories", "*"]
    secret      = ["projects", "*", "secrets", "*"]
    service     = ["projects", "*", "locations", "*", "services", "*"]
    job         = ["projects", "*", "locations", "*", "jobs", "*"]
    worker-pool = ["projects", "*", "locations", "*", "workerPools", "*"]
  }

  # Each pattern of an allow that enforces, as far as it can mean what a grant of
  # the rule is written to: of "projects/p/**" the repositories alone.
  named = flatten([
    for r in local.enforcing : [
      for g in local.grants : [
        for to in r.to : {
          rule = r
          type = g.type
          name = join("/", local.narrowed["${g.type} ${to}"])
        } if length(local.narrowed["${g.type} ${to}"]) > 0
      ] if length(setintersection(g.kinds, r.kinds)) > 0 && contains(try(r.roles, local.least), g.role)
    ]
  ])
  segments = { for to in distinct(flatten([for r in local.allow : r.to])) : to => split("/", to) }
  filled = merge([
    for to, s in local.segments : {
      for type, form in local.forms : "${type} ${to}" => (
        s[length(s) - 1] == "**" && length(s) - 1 <= length(form)
        ? concat(slice(s, 0, length(s) - 1), slice(form, length(s) - 1, length(form)))
        : s
      )
    }
  ]...)
  narrowed = {
    for key, s in local.filled : key => (
      length(s) == length(local.forms[split(" ", key)[0]]) &&
      alltrue([for i, word in local.forms[split(" ", key)[0]] : try(s[i], "") == word || word == "*"])
      ? s : []
    )
  }

  # Where to check, which an allow that observes wants, too.
  projects = distinct(flatten([
    for r in local.allow : [
      for g in local.grants : [
        for to in r.to : local.narrowed["${g.type} ${to}"][1] if length(local.narrowed["${g.type} ${to}"]) > 0
      ] if length(setintersection(g.kinds, r.kinds)) > 0
    ]
  ]))

  # One deny that takes all of it away.
  patterns = distinct([
    for n in local.named : { type = n.type, name = n.name } if !anytrue([
      for d in local.deny : alltrue([
        length(setsubtract(n.rule.kinds, try(d.kinds, n.rule.kinds))) == 0,
        alltrue([for from in n.rule.from : anytrue([for f in try(d.from, [from]) : local.covers["${f} ${from}"]])]),
        anytrue([for to in try(d.to, [n.name]) : local.covers["${to} ${n.name}"]]),
        alltrue([for m in n.rule.members : anytrue([for o in try(d.members, [m]) : o == m || can(regex(local.classes[o], m))])]),
      ])
    ])
  ])

  # Whether a pattern of a deny covers one of an allow. A star stands for any text
  # inside one segment, "/**" at the end for any tail. A project that is named by
  # its number is covered by no pattern of ids, whatever the stars.
  wide   = distinct(flatten([for d in local.deny : [try(d.from, []), try(d.to, [])]]))
  narrow = distinct(flatten([for n in local.named : concat(n.rule.from, [n.name])]))
  covers = merge([
    for w in distinct(concat(local.wide, local.narrow)) : {
      for n in local.narrow : "${w} ${n}" => (
        can(regex(local.by_number, w)) == can(regex(local.by_number, n)) && can(regex(local.expressions[w], n))
      )
    }
  ]...)
  by_number = "^projects/[0-9]+(/|$)"
  expressions = {
    for p in distinct(concat(local.wide, local.narrow)) : p => (
      p == "**" ? "^.*$" : "^${replace(replace(trimsuffix(p, "/**"), ".", "\\."), "*", "[^/]*")}${endswith(p, "/**") ? "(/.*)?" : ""}$"
    )
  }
  classes = {
    cloud-run-agent         = "^serviceAccount:service-[0-9]+@serverless-robot-prod\\.iam\\.gserviceaccount\\.com$"
    cloud-build             = "^serviceAccount:([0-9]+@cloudbuild|service-[0-9]+@gcp-sa-cloudbuild\\.iam)\\.gserviceaccount\\.com$"
    compute-default         = "^serviceAccount:[0-9]+-compute@developer\\.gserviceaccount\\.com$"
    artifact-registry-agent = "^serviceAccount:service-[0-9]+@gcp-sa-artifactregistry\\.iam\\.gserviceaccount\\.com$"
    service-account         = "^(serviceAccount:.*|cloud-run-agent|cloud-build|compute-default|artifact-registry-agent)$"
  }

  # What the patterns mean: themselves where they hold no star, else the
  # resources that they cover.
  open = [for p in local.patterns : p if strcontains(p.name, "*")]
  covered = {
    for p in local.open : "${p.type} ${p.name}" => [
      for r in var.resources : r if can(regex(local.expressions[p.name], r))
    ]
  }
  targets = distinct(concat(
    [for p in local.patterns : p if !strcontains(p.name, "*")],
    flatten([for p in local.open : [for r in local.covered["${p.type} ${p.name}"] : { type = p.type, name = r }]]),
  ))
}
