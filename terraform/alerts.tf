# Alert policies of Cloud Monitoring about pullfix itself: deploy/monitoring has
# them as the API takes them, the provider wants them in words of its own.

locals {
  alert_texts = { for f in fileset("${local.deploy}/monitoring", "*.json") : trimsuffix(f, ".json") => file("${local.deploy}/monitoring/${f}") }

  # Here the subscription is not one that Eventarc names.
  alerts = {
    for name, text in local.alert_texts : name => jsondecode(replace(replace(replace(replace(text,
      "pullfix|eventarc-.*pullfix.*", "pullfix"),
      "PULLFIX_PROJECT", var.project),
      "PULLFIX_ACCOUNT", local.email),
    "PULLFIX_DEPLOYER", coalesce(var.deployer, "-")))
    if var.deployer != null || !strcontains(text, "PULLFIX_DEPLOYER")
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  project               = var.project
  display_name          = each.value.displayName
  user_labels           = each.value.userLabels
  severity              = each.value.severity
  combiner              = each.value.combiner
  enabled               = each.value.enabled
  notification_channels = var.notification_channels # notificationChannels of the file stands for these

  documentation {
    content   = each.value.documentation.content
    mime_type = each.value.documentation.mimeType
  }
  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose
    dynamic "notification_rate_limit" {
      for_each = try([each.value.alertStrategy.notificationRateLimit], [])
      content {
        period = notification_rate_limit.value.period
      }
    }
  }
  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName
      dynamic "condition_matched_log" {
        for_each = try([conditions.value.conditionMatchedLog], [])
        content {
          filter           = condition_matched_log.value.filter
          label_extractors = try(condition_matched_log.value.labelExtractors, null)
        }
      }
      dynamic "condition_threshold" {
        for_each = try([conditions.value.conditionThreshold], [])
        content {
          filter             = condition_threshold.value.filter
          denominator_filter = try(condition_threshold.value.denominatorFilter, null)
          comparison         = condition_threshold.value.comparison
          threshold_value    = condition_threshold.value.thresholdValue
          duration           = condition_threshold.value.duration
          trigger {
            count = condition_threshold.value.trigger.count
          }
          dynamic "aggregations" {
            for_each = condition_threshold.value.aggregations
            content {
              alignment_period     = aggregations.value.alignmentPeriod
              per_series_aligner   = aggregations.value.perSeriesAligner
              cross_series_reducer = try(aggregations.value.crossSeriesReducer, null)
              group_by_fields      = try(aggregations.value.groupByFields, null)
            }
          }
          dynamic "denominator_aggregations" {
            for_each = try(condition_threshold.value.denominatorAggregations, [])
            content {
              alignment_period     = denominator_aggregations.value.alignmentPeriod
              per_series_aligner   = denominator_aggregations.value.perSeriesAligner
              cross_series_reducer = try(denominator_aggregations.value.crossSeriesReducer, null)
              group_by_fields      = try(denominator_aggregations.value.groupByFields, null)
            }
          }
        }
      }
    }
  }

  depends_on = [google_logging_project_sink.record, google_project_service.api, google_pubsub_subscription.entries]
}
