package samples

import (
	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/remediate"
)

// failure is what happens, and what live state and the act would say of it.
type failure struct {
	name    string
	kind    iam.Kind
	entry   entry
	live    remediate.Answer
	outcome string
	missed  int
}

const (
	registry = "artifactregistry.googleapis.com"
	secrets  = "secretmanager.googleapis.com"

	apps = "projects/shared-images/locations/us-central1/repositories/apps"
)

var failures = []failure{
	{name: "run-image-not-allowed", kind: iam.RunImage, entry: pull(agent, "us-central1-docker.pkg.dev/shared-images/tools/lint:v3")},
	{name: "run-image-mended", kind: iam.RunImage, entry: pull(agent, image), outcome: audit.OutcomeApplied},
	{
		name: "run-image-already-held", kind: iam.RunImage, entry: pull(agent, image), outcome: audit.OutcomeAlreadyHeld, missed: 3,
		live: remediate.Answer{Cause: remediate.AlreadyHeld, Why: agent + " holds roles/artifactregistry.reader on " + apps + " already: " +
			"a grant takes 2 minutes to work as a rule, 7 or more at times; after that, look for a VPC Service Controls violation in the " +
			"policy log of project shared-images, then for an IAM deny policy that names " + agent},
	},
	{
		name: "run-image-forged", kind: iam.RunImage, outcome: audit.OutcomeRefused,
		entry: pull("service-999999999999@serverless-robot-prod.iam.gserviceaccount.com", image),
	},
	{
		name: "caller-image-refused", kind: iam.CallerImage, outcome: audit.OutcomeRefused,
		entry: call("Services.CreateService", "User must have permission to read the image, "+image+"."),
		live: remediate.Answer{Cause: remediate.ImageMissing, Why: "the image " + image + " does not exist in its repository: check the name, " +
			"the tag or the digest; a grant would not help; there is us-central1-docker.pkg.dev/shared-images/apps/web:v2: was that meant?"},
	},
	{
		name: "secret-access-observed", kind: iam.SecretAccess, outcome: audit.OutcomeObserved,
		entry: deploy("SecretsAccessCheckFailed", "spec.template.spec.containers[0].env[0].value_from.secret_key_ref.name: "+
			"Permission denied on secret: "+secretKey+" for Revision service account "+identity+". The service account used must be granted "+
			"the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level."),
	},
	{
		name: "artifact-download", kind: iam.ArtifactDownload,
		entry: access(registry, "Docker-GetManifest", apps, "builder@app-one.iam.gserviceaccount.com", iam.DownloadArtifacts),
	},
	{
		name: "artifact-upload", kind: iam.ArtifactUpload,
		entry: access(registry, "Npm-PutPackage", "projects/shared-images/locations/us/repositories/web-npm",
			"111111111111@cloudbuild.gserviceaccount.com", iam.UploadArtifacts),
	},
	{
		name: "upstream-secret", kind: iam.UpstreamSecret,
		entry: access(secrets, "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
			"projects/shared-images/secrets/hub-token/versions/latest", "service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com",
			iam.AccessSecretVersion),
	},
	{
		name: "invoker", kind: iam.Invoker, entry: entry{
			log: "data_access", method: "run.routes.invoke", resource: webName, caller: "trigger@app-one.iam.gserviceaccount.com",
			code: 7, message: "Permission 'run.routes.invoke' denied on resource '" + webName + "' (or resource may not exist).",
			permission: "run.routes.invoke",
		},
	},
	{
		name: "act-as", kind: iam.ActAsAccount,
		entry: call("Services.CreateService", "Permission 'iam.serviceaccounts.actAs' denied on service account "+identity+" (or it may not exist)."),
	},
	{
		name: "run-permission", kind: iam.RunPermission,
		entry: call("Services.UpdateService", "Permission 'run.services.update' denied on resource '"+webName+"' (or resource may not exist)."),
	},
	{
		name: "unauthenticated", kind: iam.Unauthenticated,
		entry: call("Services.CreateService", "Request is missing required authentication credential."),
	},
	{name: "not-found", kind: iam.NotFound, entry: deploy("ContainerMissing", "Image '"+image+"' not found.")},
	{
		name: "vpc-sc", kind: iam.VPCServiceControls,
		entry: call("Services.CreateService", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abcDEF123_-xyz"),
	},
	{
		name: "deny-policy", kind: iam.DenyPolicy,
		entry: call("Services.UpdateService", "Permission run.services.update was explicitly denied by an IAM deny policy."),
	},
	{
		name: "org-policy", kind: iam.OrgPolicy,
		entry: call("Services.CreateService", "Constraint constraints/run.allowedIngress violated for projects/app-one attempting to create service web."),
	},
	{
		name: "download-rule", kind: iam.DownloadRule,
		entry: access(registry, "Docker-GetManifest", apps, "builder@app-one.iam.gserviceaccount.com", iam.Permission{}),
	},
	{
		name: "quota", kind: iam.Quota, missed: 1,
		entry: call("Services.CreateService", "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per region' "+
			"of service 'run.googleapis.com' for consumer 'project_number:111111111111'."),
	},
	{
		name: "billing", kind: iam.Billing,
		entry: call("Services.CreateService", "This API method requires billing to be enabled. Please enable billing on project #111111111111"),
	},
	{
		name: "api-disabled", kind: iam.APIDisabled,
		entry: call("Services.CreateService", "Cloud Run Admin API has not been used in project app-one before or it is disabled."),
	},
	{
		name: "agent-token", kind: iam.AgentToken,
		entry: deploy("", "Google Cloud Run Service Agent does not have permission to get access tokens for the service account "+identity+
			". Please give "+agent+" permission iam.serviceAccounts.getAccessToken on the service account."),
	},
	{
		name: "startup", kind: iam.Startup,
		entry: deploy("HealthCheckContainerError", "The user-provided container failed to start and listen on the port defined provided by the "+
			"PORT=8080 environment variable within the allocated timeout. Logs for this revision might contain more information."),
	},
	{
		name: "architecture", kind: iam.Architecture,
		entry: deploy("", "Cloud Run does not support image '"+image+"': Container manifest type "+
			"'application/vnd.oci.image.index.v1+json' must support amd64/linux."),
	},
	{
		name: "binary-authorization", kind: iam.BinaryAuthorization,
		entry: deploy("ContainerImageUnauthorized", "Container image '"+image+"' is not authorized by policy. Please use policy that permits "+
			"the container image, or resolve violations."),
	},
	{
		name: "other-permission", kind: iam.OtherPermission,
		entry: call("Services.CreateService", "Permission 'compute.subnetworks.use' denied on resource "+
			"'projects/app-one/regions/us-central1/subnetworks/web' (or resource may not exist)."),
	},
}

// pull is a deploy whose image cannot be read, as a text says that names the
// account of an agent.
func pull(named, image string) entry {
	e := deploy("ContainerPermissionDenied", "Google Cloud Run Service Agent "+named+" must have permission to read the image, "+image+
		". Ensure that the provided container image URL is correct and that the above account has permission to access the image.")
	e.image = image
	return e
}

// deploy is a revision that did not become ready.
func deploy(reason, message string) entry {
	return entry{
		log: "system_event", method: "/Services.ReplaceService", resource: "namespaces/app-one/revisions/web-00001-abc", code: 9, reason: reason,
		message: "Ready condition status changed to False for Revision web-00001-abc with message: " + message,
	}
}

// call is a call of Cloud Run by whoever deploys.
func call(method, message string) entry {
	return entry{log: "activity", method: "google.cloud.run.v2." + method, resource: webName, caller: deployer, code: 7, message: message}
}

// access is one to an artifact or a secret, refused for a permission or, where
// none is given, by a rule of the repository.
func access(service, method, resource, caller string, permission iam.Permission) entry {
	message := "Permission \"" + permission.String() + "\" denied on resource \"" + resource + "\" (or it may not exist)"
	if permission.IsZero() {
		message = "Download denied by rule \"no-old-images\" of the repository."
	}
	return entry{
		log: "data_access", project: "shared-images", service: service, method: method, resource: resource, caller: caller, code: 7,
		message: message, permission: permission.String(), labels: object{"project_id": "shared-images", "service": service, "method": method},
	}
}
