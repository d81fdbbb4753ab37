# What shows how pullfix does: log-based metrics of its record and its log lines,
# and a dashboard of these and of what Google Cloud measures by itself.

locals {
  metrics = { for f in fileset("${local.deploy}/metrics", "*.json") : trimsuffix(f, ".json") => jsondecode(file("${local.deploy}/metrics/${f}")) }

  # Cloud Monitoring makes up a name here: it answers with the number of the
  # project in it, which the provider would take for a change.
  dashboard = { for key, value in jsondecode(replace(file("${local.deploy}/dashboard.json"), "PULLFIX_PROJECT", var.project)) : key => value if key != "name" }
}

resource "google_logging_metric" "metric" {
  for_each = local.metrics

  project          = var.project
  name             = each.value.name
  description      = each.value.description
  filter           = each.value.filter
  disabled         = each.value.disabled
  label_extractors = try(each.value.labelExtractors, null)

  metric_descriptor {
    metric_kind  = each.value.metricDescriptor.metricKind
    value_type   = each.value.metricDescriptor.valueType
    unit         = each.value.metricDescriptor.unit
    display_name = each.value.metricDescriptor.displayName

    dynamic "labels" {
      for_each = try(each.value.metricDescriptor.labels, [])
      content {
        key         = labels.value.key
        description = labels.value.description
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_dashboard" "pullfix" {
  project        = var.project
  dashboard_json = jsonencode(local.dashboard)

  depends_on = [google_logging_metric.metric]
}
