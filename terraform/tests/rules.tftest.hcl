# What pullfix may change is what the policy names, and nothing but single
# resources.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "archive" {}

variables {
  project = "ops"
  sources = ["projects/app-one"]
}

run "resources_that_are_named" {
  variables {
    rules = "tests/policies/exact.yaml"
  }
  assert {
    condition = { for name, b in google_artifact_registry_repository_iam_member.grant : name => [b.project, b.location, b.repository, b.role, b.member] } == {
      "projects/shared-images/locations/us-central1/repositories/apps" = [
        "shared-images", "us-central1", "apps", "projects/shared-images/roles/pullfixGrantRepository", "serviceAccount:pullfix@ops.iam.gserviceaccount.com",
      ]
    }
    error_message = "It may change other repositories than the one named."
  }
  assert {
    condition = [for b in google_secret_manager_secret_iam_member.grant : [b.project, b.secret_id, b.role, b.member]] == [
      ["app-one", "db-password", "projects/app-one/roles/pullfixGrantSecret", "serviceAccount:pullfix@ops.iam.gserviceaccount.com"],
    ]
    error_message = "It may change other secrets than the one named."
  }
  assert {
    condition = [for b in concat(
      values(google_cloud_run_v2_service_iam_member.grant), values(google_cloud_run_v2_job_iam_member.grant), values(google_cloud_run_v2_worker_pool_iam_member.grant),
      ) : [b.project, b.location, b.name, b.role, b.member]] == [
      for name in ["web", "nightly", "queue"] : ["app-one", "us-central1", name, "projects/app-one/roles/pullfixGrantRun", "serviceAccount:pullfix@ops.iam.gserviceaccount.com"]
    ]
    error_message = "It may change other resources of Cloud Run than those named."
  }
  assert {
    condition     = alltrue([for b in concat([google_project_iam_member.record], values(google_project_iam_member.check)) : !strcontains(b.role, "Grant")])
    error_message = "It may change policies in a whole project."
  }
  assert {
    condition     = toset(keys(google_project_iam_member.check)) == toset(["app-one", "shared-images", "vault"])
    error_message = "It cannot check where rules lead, or can check elsewhere."
  }
  assert {
    condition = toset(keys(google_project_iam_custom_role.role)) == toset([
      "ops/pullfixRecord", "app-one/pullfixCheck", "shared-images/pullfixCheck", "vault/pullfixCheck",
      "shared-images/pullfixGrantRepository", "app-one/pullfixGrantSecret", "app-one/pullfixGrantRun",
    ])
    error_message = "There are other roles than needed."
  }
}

run "a_policy_that_observes" {
  variables {
    rules = "tests/policies/observing.yaml"
  }
  assert {
    condition = 0 == sum([
      length(google_artifact_registry_repository_iam_member.grant), length(google_secret_manager_secret_iam_member.grant), length(google_cloud_run_v2_service_iam_member.grant),
      length(google_cloud_run_v2_job_iam_member.grant), length(google_cloud_run_v2_worker_pool_iam_member.grant),
    ])
    error_message = "It may change something."
  }
  assert {
    condition     = !anytrue([for key in keys(google_project_iam_custom_role.role) : strcontains(key, "Grant")])
    error_message = "There is a role to change policies."
  }
  assert {
    condition     = toset(keys(google_project_iam_member.check)) == toset(["app-one", "shared-images", "vault"])
    error_message = "It cannot check what it would do."
  }
}

run "patterns_with_stars" {
  variables {
    rules        = "tests/policies/open.yaml"
    organization = "123"
    sources      = ["folders/222", "projects/team-a"]
    resources = [
      "projects/shared-images/locations/us-central1/repositories/apps",
      "projects/shared-images/locations/europe-west1/repositories/base",
      "projects/team-a/secrets/db-main",
    ]
  }
  assert {
    condition = toset(keys(google_artifact_registry_repository_iam_member.grant)) == toset([
      "projects/shared-images/locations/us-central1/repositories/apps", "projects/shared-images/locations/europe-west1/repositories/base",
    ])
    error_message = "It may change other repositories than those given."
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.grant) == ["projects/team-a/secrets/db-main"]
    error_message = "It may change other secrets than the one given."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.grant["projects/team-a/secrets/db-main"].role == "organizations/123/roles/pullfixGrantSecret"
    error_message = "The role is not the one of the organization."
  }
  assert {
    condition     = toset(keys(google_project_iam_member.check)) == toset(["shared-images", "team-a"])
    error_message = "It cannot check where the resources are, or can check elsewhere."
  }
}

# What a pattern stands for may come later: that is a warning, and no more.
run "a_pattern_that_covers_nothing" {
  variables {
    rules        = "tests/policies/open.yaml"
    organization = "123"
    sources      = ["folders/222"]
    resources    = ["projects/team-a/secrets/db-main"]
  }
  expect_failures = [check.patterns]
}

run "folders_that_nobody_can_read" {
  variables {
    rules        = "tests/policies/open.yaml"
    organization = "123"
    resources    = ["projects/team-a/secrets/db-main", "projects/shared-images/locations/us-central1/repositories/apps"]
  }
  expect_failures = [check.folders]
}
