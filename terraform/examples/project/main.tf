# pullfix for the deploys of one project. It explains and records everything, and
# changes nothing: that takes a policy, as in the other example.

module "pullfix" {
  source = "../.."

  project = "ops"
  sources = ["projects/app-one"]
}
