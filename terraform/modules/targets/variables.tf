variable "policy" {
  description = "Text of the policy file."
  type        = string

  validation {
    condition     = try(yamldecode(var.policy).apiVersion, null) == "pullfix/v1"
    error_message = "The policy is no policy file of pullfix: want YAML with apiVersion: pullfix/v1."
  }
}

variable "resources" {
  description = "Full names of repositories, secrets and Cloud Run resources, of which those are taken that a pattern with * covers."
  type        = set(string)
  default     = []
}
