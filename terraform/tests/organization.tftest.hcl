# pullfix for a folder and a whole organization: the roles are the organization's.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "archive" {}

variables {
  project      = "ops"
  organization = "123"
  sources      = ["folders/222", "organizations/123"]
}

run "a_policy_of_projects" {
  assert {
    condition = alltrue([
      for sink in [google_logging_folder_sink.entries["folders/222"], google_logging_organization_sink.entries["organizations/123"]] :
      sink.include_children && !coalesce(sink.intercept_children, false) && sink.name == "pullfix" && sink.destination == "pubsub.googleapis.com/projects/ops/topics/pullfix"
    ])
    error_message = "A sink leaves projects out, keeps entries from others, or goes elsewhere."
  }
  assert {
    condition     = google_logging_folder_sink.entries["folders/222"].folder == "folders/222" && google_logging_organization_sink.entries["organizations/123"].org_id == "123"
    error_message = "A sink is elsewhere than its source."
  }
  assert {
    condition = { for s, b in google_pubsub_topic_iam_member.writer : s => b.member } == {
      "folders/222"       = google_logging_folder_sink.entries["folders/222"].writer_identity
      "organizations/123" = google_logging_organization_sink.entries["organizations/123"].writer_identity
    }
    error_message = "A writer of a sink may not publish."
  }
  assert {
    condition     = google_folder_iam_member.above["folders/222 pullfixCheck"].role == "organizations/123/roles/pullfixCheck" && google_folder_iam_member.above["folders/222 pullfixCheck"].folder == "folders/222"
    error_message = "pullfix may not check in the folder."
  }
  assert {
    condition     = google_organization_iam_member.above["organizations/123 pullfixCheck"].role == "organizations/123/roles/pullfixCheck" && google_organization_iam_member.above["organizations/123 pullfixCheck"].org_id == "123"
    error_message = "pullfix may not check in the organization."
  }
  assert {
    condition     = google_project_iam_member.record.role == "organizations/123/roles/pullfixRecord"
    error_message = "pullfix may not write its record."
  }
  assert {
    condition     = toset(keys(google_organization_iam_custom_role.role)) == toset(["pullfixCheck", "pullfixRecord"]) && length(google_project_iam_custom_role.role) == 0
    error_message = "There are other roles than needed."
  }
}

run "folders_are_read_from_above" {
  variables {
    rules = "tests/policies/open.yaml"
    resources = [
      "projects/shared-images/locations/us-central1/repositories/apps",
      "projects/team-a/secrets/db-main",
    ]
  }
  assert {
    condition     = keys(google_folder_iam_member.above) == ["folders/222 pullfixCheck", "folders/222 pullfixFolders"]
    error_message = "pullfix may not read the folder."
  }
  assert {
    condition     = keys(google_organization_iam_member.above) == ["organizations/123 pullfixCheck", "organizations/123 pullfixFolders"]
    error_message = "pullfix may not read the folders of the organization."
  }
  assert {
    condition     = contains(keys(google_organization_iam_custom_role.role), "pullfixFolders")
    error_message = "There is no role to read folders."
  }
}

run "policies_of_the_organization" {
  variables {
    org_policies = {
      shared-images = { pullfixNever = "enforce", pullfixGrants = "dry-run" }
    }
  }
  assert {
    condition     = google_org_policy_policy.policy["shared-images pullfixNever"].spec[0].rules[0].enforce == "TRUE" && length(google_org_policy_policy.policy["shared-images pullfixNever"].dry_run_spec) == 0
    error_message = "The constraint is not enforced."
  }
  assert {
    condition     = google_org_policy_policy.policy["shared-images pullfixGrants"].dry_run_spec[0].rules[0].enforce == "TRUE" && length(google_org_policy_policy.policy["shared-images pullfixGrants"].spec) == 0
    error_message = "The constraint is not tried only."
  }
  assert {
    condition     = google_org_policy_policy.policy["shared-images pullfixGrants"].name == "projects/shared-images/policies/custom.pullfixGrants"
    error_message = "The policy is not named as its constraint."
  }
  assert {
    condition = google_org_policy_custom_constraint.constraint["pullfixGrants"].parent == "organizations/123" && alltrue([
      for text in ["//cloudresourcemanager.googleapis.com/organizations/123'", "'serviceAccount:pullfix@ops.iam.gserviceaccount.com'"] :
      strcontains(google_org_policy_custom_constraint.constraint["pullfixGrants"].condition, text)
    ])
    error_message = "The constraint is elsewhere, or speaks of another organization or account."
  }
  assert {
    condition     = contains(keys(google_project_service.api), "orgpolicy.googleapis.com")
    error_message = "The service for it is not enabled."
  }
}
