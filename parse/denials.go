package parse

import "github.com/pullfix/pullfix/iam"

// row is a sentence that says what went wrong. Its kind is the one given, or
// the one that the permission in it stands for.
type row struct {
	text       string
	kind       iam.Kind
	permission iam.Permission // the permission that the sentence implies
	weak       bool           // it says too little to stand alone: an address near it must say what was refused
}

var (
	accessToken   = readPermission("iam.serviceAccounts.getAccessToken")
	enableService = readPermission("serviceusage.services.enable")
	useService    = readPermission("serviceusage.services.use")
)

// denials are read from the left: of two rows that fit at the same place, the
// first counts.
var denials = [][]row{imageRows, artifactRows, permissionRows, credentialRows, policyRows, stateRows, startRows, weakRows}

var imageRows = []row{
	{text: "cloud run service agent {agent}? must have permission to read the image {image} . =ensure|see|note|cause", kind: iam.RunImage, permission: iam.DownloadArtifacts},
	{text: "cloud run service agent {agent}? must have permission to read the image {image}?", kind: iam.RunImage, permission: iam.DownloadArtifacts},
	{text: "user must have permission to read the image {image} . =ensure|see|note|cause", kind: iam.CallerImage, permission: iam.DownloadArtifacts},
	{text: "user must have permission to read the image {image}?", kind: iam.CallerImage, permission: iam.DownloadArtifacts},
	{text: "{agent} must have permission to read the image {image} . =ensure|see|note|cause", kind: iam.RunImage, permission: iam.DownloadArtifacts},
	{text: "{agent} must have permission to read the image {image}?", kind: iam.RunImage, permission: iam.DownloadArtifacts},
	{text: "containerpermissiondenied", kind: iam.RunImage, weak: true},
	{text: "container permission denied", kind: iam.RunImage, weak: true},
	{text: "service agent does not have permission to get access tokens for the service account {target} . please give {agent} permission", kind: iam.AgentToken, permission: accessToken},
	{text: "service agent {agent}? does not have permission to get access tokens for the service account {target}?", kind: iam.AgentToken, permission: accessToken},
}

var artifactRows = []row{
	{text: "unable to retrieve the repository metadata for {resource} . ensure that the cloud functions service account has {permission} and {permission}", kind: iam.ArtifactDownload},
	{text: "unable to retrieve the repository metadata for {resource}", kind: iam.ArtifactDownload},
	{text: "unauthenticated requests do not have permission {permission} on? resource? {resource}?", kind: iam.Unauthenticated},
	{text: "anonymous caller does not have {permission} access", kind: iam.Unauthenticated},
}

var permissionRows = []row{
	{text: "permission denied on secret {resource} for revision service account {principal}?", kind: iam.SecretAccess, permission: iam.AccessSecretVersion},
	{text: "permission denied on secret {resource}?", kind: iam.SecretAccess, permission: iam.AccessSecretVersion},
	{text: "permission denied to enable service {}?", permission: enableService},
	{text: "permission {permission} denied on|for service account {target}"},
	{text: "permission {permission} denied on|for the? resource? {resource}"},
	{text: "permission {permission} denied on|for {principal}"},
	{text: "permission {permission} denied"},
	{text: "permission {permission} is? required|missing on|for? resource? {resource}?"},
	{text: "{permission} permission is? required|missing on|for service account {target}"},
	{text: "{permission} permission is? required|missing on|for? resource? {resource}?"},
	{text: "{principal}? does|do not have permission {permission} on|for? resource? {resource}?"},
	{text: "{principal}? does|do not have the? {permission} access|permission"},
	{text: "caller does not have permission to act as service account {target}?", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "caller does not have required? permission {permission} on|for? resource? {resource}?"},
	{text: "missing necessary permission {permission} for {} on the? service account {target}"},
	{text: "missing necessary permission {permission} for {principal}?"},
	{text: "caller {principal}? is missing permission {permission} on service account {target}"},
	{text: "caller {principal}? is missing permission {permission} on? resource? {resource}?"},
	{text: "you must have permission {permission} on service account {target}"},
	{text: "must have permission {permission} on? resource? {resource}?"},
	{text: "lacks iam? permission {permission} for|on? the? resource? {resource}?"},
	{text: "required {permission} permission for {resource}?"},
	{text: "lacks|lacking|lack|missing|needs|need|requires|require|without the|a|required? permission|permissions {permission}"},
	{text: "lacks|lacking|lack|missing|needs|need|requires|require|without the|a? {permission} permission|access"},
	{text: "if the user has the {permission} permission"},
	{text: "caller does not have required permission to use project {project}", permission: useService},
	{text: "policy update access denied"},
	{text: "{principal}? does|do not have permission to act as service? account? {target}?", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "missing permission to act as service? account? {target}?", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "not authorized to act as service account {target}?", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "not authorized to actas service account {target}?", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "cannot act as service account {target}", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "does not have access to service account {target} . user {principal}", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "does not have access to service account {target}", kind: iam.ActAsAccount, permission: iam.ActAs},
	{text: "not authorized to invoke this service . read more at {} the access token could not be verified", kind: iam.Unauthenticated},
	{text: "not authorized to invoke this service . the access token could not be verified", kind: iam.Unauthenticated},
	{text: "not authorized to invoke this service", kind: iam.Invoker, permission: iam.InvokeRoutes},
	{text: "client does not have permission to get url code? v2 {}?", weak: true},
	{text: "client does not have permission to get url", kind: iam.Invoker, permission: iam.InvokeRoutes},
	{text: "client does not have permission to the requested url", kind: iam.Invoker, permission: iam.InvokeRoutes},
}

// credentialRows are said to callers who showed no credential, or none that
// counts.
var credentialRows = []row{
	{text: "unauthenticated request", kind: iam.Unauthenticated},
	{text: "request was not authenticated", kind: iam.Unauthenticated},
	{text: "either allow unauthenticated invocations or set the proper authorization header", kind: iam.Unauthenticated},
	{text: "either allow public access or set the proper authorization header", kind: iam.Unauthenticated},
	{text: "no valid credential was supplied", kind: iam.Unauthenticated},
	{text: "failed to fetch anonymous token", kind: iam.Unauthenticated},
	{text: "no basic auth credentials", kind: iam.Unauthenticated},
	{text: "request had no credentials", kind: iam.Unauthenticated},
	{text: "unauthorized authentication failed", kind: iam.Unauthenticated},
	{text: "unauthorized authentication required", kind: iam.Unauthenticated},
	{text: "don t have the needed permissions to perform this operation and you may have invalid credentials", kind: iam.Unauthenticated},
	{text: "insufficient scope authorization failed", kind: iam.Unauthenticated},
	{text: "pull access denied for {image}", kind: iam.Unauthenticated},
	{text: "pull access denied", kind: iam.Unauthenticated},
	{text: "reauthentication failed", kind: iam.Unauthenticated},
	{text: "reauthentication required", kind: iam.Unauthenticated},
	{text: "request is missing required authentication credential", kind: iam.Unauthenticated},
	{text: "access token could not be verified", kind: iam.Unauthenticated},
	{text: "access token expired", kind: iam.Unauthenticated},
	{text: "error getting credentials", kind: iam.Unauthenticated},
	{text: "credentials not correct for", kind: iam.Unauthenticated},
	{text: "unauthorized failed authentication", kind: iam.Unauthenticated},
	{text: "invalid grant", kind: iam.Unauthenticated},
	{text: "does not have any valid credentials", kind: iam.Unauthenticated},
	{text: "do not currently have an active account selected", kind: iam.Unauthenticated},
	{text: "could not find default credentials", kind: iam.Unauthenticated},
	{text: "default credentials were not found", kind: iam.Unauthenticated},
	{text: "problem refreshing your current auth tokens", kind: iam.Unauthenticated},
	{text: "invalid authentication credentials", kind: iam.Unauthenticated},
	{text: "401 unauthorized", kind: iam.Unauthenticated, weak: true},
	{text: "authentication failed", kind: iam.Unauthenticated, weak: true},
}

// policyRows are said where something else than a missing role refuses.
var policyRows = []row{
	{text: "request is prohibited by organization s policy", kind: iam.VPCServiceControls},
	{text: "vpcservicecontrolsuniqueidentifier", kind: iam.VPCServiceControls},
	{text: "violates vpc service controls", kind: iam.VPCServiceControls},
	{text: "blocked by vpc service controls", kind: iam.VPCServiceControls},
	{text: "security policy violated", kind: iam.VPCServiceControls},
	{text: "not in same service perimeter", kind: iam.VPCServiceControls},
	{text: "denied by iam? deny policy|policies", kind: iam.DenyPolicy},
	{text: "because of an? iam? deny policy", kind: iam.DenyPolicy},
	{text: "explicitly denied by", kind: iam.DenyPolicy},
	{text: "do not belong to a permitted customer", kind: iam.OrgPolicy},
	{text: "is not in permitted organization", kind: iam.OrgPolicy},
	{text: "violated one or more org policies", kind: iam.OrgPolicy},
	{text: "operation denied by org policy on? resource? {resource}?", kind: iam.OrgPolicy},
	{text: "denied by organization policy", kind: iam.OrgPolicy},
	{text: "due to an? organization policy", kind: iam.OrgPolicy},
	{text: "constraint {} violated for {resource}?", kind: iam.OrgPolicy},
	{text: "violates constraint|constraints", kind: iam.OrgPolicy},
	{text: "constraints artifactregistry|cloudbuild|cloudfunctions|compute|custom|gcp|iam|run|storage", kind: iam.OrgPolicy, weak: true},
	{text: "organization|org policy", kind: iam.OrgPolicy, weak: true},
	{text: "denied by a? download|repository rule", kind: iam.DownloadRule},
	{text: "download denied by rule", kind: iam.DownloadRule},
	{text: "image {image} denied by", kind: iam.BinaryAuthorization},
	{text: "container image {image} is not authorized by policy", kind: iam.BinaryAuthorization},
	{text: "denied by attestor", kind: iam.BinaryAuthorization},
	{text: "denied by cluster admission rule", kind: iam.BinaryAuthorization},
}

// stateRows are said where a project or a resource is not ready for the call.
var stateRows = []row{
	{text: "api has not been used in project {project} before", kind: iam.APIDisabled},
	{text: "api has not been used|enabled", kind: iam.APIDisabled},
	{text: "api {} not enabled on project {project}", kind: iam.APIDisabled},
	{text: "api {} is not enabled", kind: iam.APIDisabled},
	{text: "api is not enabled", kind: iam.APIDisabled},
	{text: "apis are not enabled", kind: iam.APIDisabled},
	{text: "service disabled", kind: iam.APIDisabled},
	{text: "access not configured", kind: iam.APIDisabled},
	{text: "accessnotconfigured", kind: iam.APIDisabled},
	{text: "billing account for the owning project is disabled", kind: iam.Billing},
	{text: "billing account for project {project} is not found|open", kind: iam.Billing},
	{text: "billing must be enabled", kind: iam.Billing},
	{text: "requires billing to be enabled", kind: iam.Billing},
	{text: "billing to be enabled", kind: iam.Billing},
	{text: "billing is? disabled", kind: iam.Billing},
	{text: "billing is? not enabled", kind: iam.Billing},
	{text: "billing for the project is not enabled", kind: iam.Billing},
	{text: "check billing account", kind: iam.Billing},
	{text: "billing account is? not open", kind: iam.Billing},
	{text: "project to be billed is associated with an absent|a closed? billing account", kind: iam.Billing},
	{text: "quota exceeded", kind: iam.Quota},
	{text: "quota {} exceeded", kind: iam.Quota},
	{text: "exceeded your? current? quota", kind: iam.Quota},
	{text: "exceeds|exceeding your? quota", kind: iam.Quota},
	{text: "insufficient regional? quota", kind: iam.Quota},
	{text: "quota metric", kind: iam.Quota},
	{text: "ip space exhausted", kind: iam.Quota},
	{text: "resource exhausted", kind: iam.Quota},
	{text: "resource has been exhausted", kind: iam.Quota},
	{text: "quota violated", kind: iam.Quota},
	{text: "max instances must be set to", kind: iam.Quota},
	{text: "ratelimitexceeded", kind: iam.Quota},
	{text: "429 too many requests", kind: iam.Quota},
	{text: "toomanyrequests", kind: iam.Quota},
	{text: "image {image} not found", kind: iam.NotFound},
	{text: "image {image} does not exist", kind: iam.NotFound},
	{text: "manifest for {image} not found", kind: iam.NotFound},
	{text: "manifest unknown", kind: iam.NotFound},
	{text: "repository {} not found", kind: iam.NotFound},
	{text: "{image} not found", kind: iam.NotFound},
	{text: "name unknown", kind: iam.NotFound},
	{text: "secret {resource} not found", kind: iam.NotFound},
	{text: "secret {resource} was not found", kind: iam.NotFound},
	{text: "cannot find service|job {}", kind: iam.NotFound},
	{text: "service account {} does not exist", kind: iam.NotFound},
	{text: "was not found", kind: iam.NotFound, weak: true},
	{text: "could not be found", kind: iam.NotFound, weak: true},
	{text: "404 not found", kind: iam.NotFound, weak: true},
	{text: "error 404", kind: iam.NotFound, weak: true},
}

// startRows are said of containers that are pulled but do not run.
var startRows = []row{
	{text: "failed to start and then? listen on the port", kind: iam.Startup},
	{text: "user provided container failed", kind: iam.Startup},
	{text: "container failed to become healthy", kind: iam.Startup},
	{text: "container healthcheck failed", kind: iam.Startup},
	{text: "startup tcp|http|grpc? probe failed", kind: iam.Startup},
	{text: "healthcheckcontainererror", kind: iam.Startup},
	{text: "container called exit", kind: iam.Startup},
	{text: "function failed on loading user code", kind: iam.Startup},
	{text: "function cannot be initialized", kind: iam.Startup},
	{text: "application failed to start", kind: iam.Startup},
	{text: "application exec likely failed", kind: iam.Startup},
	{text: "must support amd64 linux", kind: iam.Architecture},
	{text: "exec format error", kind: iam.Architecture},
	{text: "no match for platform in manifest", kind: iam.Architecture},
	{text: "no matching manifest for linux", kind: iam.Architecture},
	{text: "does not match the specified platform", kind: iam.Architecture},
	{text: "does not match the detected host platform", kind: iam.Architecture},
}

// weakRows are said about anything.
var weakRows = []row{
	{text: "{principal}? does|do not have permission to access namespaces instance {project}?", kind: iam.RunPermission, weak: true},
	{text: "{principal}? does|do not have permission to access {} instance {project}?", weak: true},
	{text: "caller does not have permission", weak: true},
	{text: "permission denied for {} from request", weak: true},
	{text: "permission denied on remote repository", weak: true},
	{text: "authorization failed for", weak: true},
	{text: "403", weak: true},
	{text: "forbidden", weak: true},
}
