variable "project" {
  description = "Project that pullfix runs in, and that holds its record."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.project))
    error_message = "project ${jsonencode(var.project)}: want the id of a project, such as \"ops-123\"."
  }
}

variable "region" {
  description = "Region of the function and of its database."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+[0-9]+$", var.region))
    error_message = "region ${jsonencode(var.region)}: want a region such as \"us-central1\"."
  }
}

variable "sources" {
  description = "Where log entries come from: `projects/ID`, `folders/NUMBER`, `organizations/NUMBER`. Each gets a sink, and lets pullfix read what its checks look at."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.sources) > 0
    error_message = "sources: want at least one, as \"projects/ID\", \"folders/NUMBER\" or \"organizations/NUMBER\"."
  }
  validation {
    condition = alltrue([
      for s in var.sources : can(regex("^(projects/([a-z0-9.-]+:)?[a-z]([a-z0-9-]{0,28}[a-z0-9])?|(folders|organizations)/[1-9][0-9]*)$", s))
    ])
    error_message = "sources ${jsonencode(var.sources)}: want each as \"projects/ID\", \"folders/NUMBER\" or \"organizations/NUMBER\"."
  }
  validation {
    condition     = var.organization != null || alltrue([for s in var.sources : startswith(s, "projects/")])
    error_message = "sources ${jsonencode(var.sources)}: want organization too: a role that can be bound on a folder or an organization is of an organization."
  }
  validation {
    condition = alltrue([
      for s in var.sources : s == "organizations/${coalesce(var.organization, "-")}" if startswith(s, "organizations/")
    ])
    error_message = "sources ${jsonencode(var.sources)}: want no organization but the one in organization."
  }
}

variable "organization" {
  description = "Number of the organization that the custom roles are made in. Without it they are made in each project where they are bound."
  type        = string
  default     = null

  validation {
    condition     = var.organization == null || can(regex("^[1-9][0-9]*$", var.organization))
    error_message = "organization ${jsonencode(var.organization)}: want its number alone, such as \"123456789012\"."
  }
}

variable "rules" {
  description = "Path of the policy file, which is built into the function and says what pullfix may change. Without it the one of this repository, which grants nothing."
  type        = string
  default     = null

  validation {
    condition     = var.rules == null || fileexists(coalesce(var.rules, "rules.yaml"))
    error_message = "rules ${jsonencode(var.rules)}: there is no such file."
  }
}

variable "resources" {
  description = "Full names of the repositories, secrets and Cloud Run resources that patterns with `*` in the policy stand for, such as `projects/P/locations/L/repositories/R`. Each must be covered by a rule that enforces."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "retention_days" {
  description = "For how long the record is kept in its bucket."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days ${jsonencode(var.retention_days)}: want a whole number of days from 1 to 3650."
  }
}

variable "lock_record" {
  description = "Whether the bucket of the record is locked. That cannot be undone by anybody: the retention stays as it is, and the bucket until it is empty."
  type        = bool
  default     = false
  nullable    = false
}

variable "create_database" {
  description = "Whether to make the Firestore database `(default)`. Set it to false where the project has one, in native mode."
  type        = bool
  default     = true
  nullable    = false
}

variable "slack" {
  description = "Whether to tell a Slack channel. Its webhook is a version of the secret `pullfix-slack` that you add; Terraform never sees it."
  type        = bool
  default     = false
  nullable    = false
}

variable "smtp" {
  description = "Mail: `server` as `smtp://USER@HOST:587`, the sender `from`, and the addresses `to`. The password of the user is a version of the secret `pullfix-smtp-password` that you add; Terraform never sees it."
  type = object({
    server = string
    from   = string
    to     = list(string)
  })
  default = null

  validation {
    condition     = var.smtp == null || can(regex("^smtps?://([^@/:]+@)?[^@/:]+(:[0-9]+)?$", var.smtp.server))
    error_message = "smtp: want the server as \"smtp://USER@HOST:587\", without the password."
  }
  validation {
    condition = var.smtp == null || try(length(var.smtp.to) > 0 && alltrue([
      for a in concat([var.smtp.from], var.smtp.to) : can(regex("^[^,@]+@[^,@]+$", a))
    ]), false)
    error_message = "smtp: want one address as from, and at least one in to."
  }
}

variable "otel" {
  description = "Variables of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_ENDPOINT`. Without an endpoint no metrics and traces are sent."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.otel) : can(regex("^OTEL_[A-Z0-9_]+$", name)) && !endswith(name, "HEADERS")])
    error_message = "otel ${jsonencode(keys(var.otel))}: want variables of OpenTelemetry, and none of headers: they can hold a secret."
  }
  validation {
    condition     = alltrue([for value in values(var.otel) : can(regex("^[A-Za-z0-9._:/,=%+-]+$", value))])
    error_message = "otel: want values without a user or a password, as \"http://10.0.0.9:4318\"."
  }
}

variable "max_instances" {
  description = "How many instances of the function there are at most."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances ${jsonencode(var.max_instances)}: want a whole number from 1 to 100."
  }
}

variable "concurrency" {
  description = "How many events an instance works on at once."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 80 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency ${jsonencode(var.concurrency)}: want a whole number from 1 to 80."
  }
}

variable "notification_channels" {
  description = "Notification channels of Cloud Monitoring that are told when pullfix itself needs somebody, as `projects/P/notificationChannels/N`. Without any, its alert policies only open incidents."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "deployer" {
  description = "E-mail address of the account that runs Terraform, whose changes raise no alarm. Without it there are no alert policies about changes of the deployment."
  type        = string
  default     = null

  validation {
    condition     = var.deployer == null || can(regex("^[^@\\s\"]+@[^@\\s\"]+$", var.deployer))
    error_message = "deployer ${jsonencode(var.deployer)}: want an e-mail address."
  }
}

variable "org_policies" {
  description = "Organization policies in projects that pullfix may change: by project, the constraints `pullfixNever` and `pullfixGrants`, each with `dry-run` or `enforce`. They bind everybody in the project. Needs organization."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for constraints in values(var.org_policies) : [
        for constraint, mode in constraints : contains(["pullfixNever", "pullfixGrants"], constraint) && contains(["dry-run", "enforce"], mode)
      ]
    ]))
    error_message = "org_policies: want the constraints pullfixNever and pullfixGrants, each with \"dry-run\" or \"enforce\"."
  }
  validation {
    condition     = length(var.org_policies) == 0 || var.organization != null
    error_message = "org_policies: want organization too: a constraint is of an organization."
  }
}
