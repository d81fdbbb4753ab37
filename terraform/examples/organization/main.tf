# pullfix for a whole organization, with a policy and Slack.

module "pullfix" {
  source = "../.."

  project      = "ops"
  region       = "europe-west1"
  organization = "123456789012"
  sources      = ["organizations/123456789012"]
  rules        = "${path.module}/rules.yaml"

  # The policy leaves the location open. These are the repositories that there are.
  resources = [
    "projects/shared-images/locations/europe-west1/repositories/apps",
    "projects/shared-images/locations/us-central1/repositories/apps",
  ]

  slack                 = true
  deployer              = "terraform@ops.iam.gserviceaccount.com"
  notification_channels = ["projects/ops/notificationChannels/1234567890"]
}

output "secrets_to_fill" {
  value = module.pullfix.secrets_to_fill
}
