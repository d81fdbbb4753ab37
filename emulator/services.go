package emulator

import (
	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/genproto/googleapis/cloud/location"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// register puts every service on the gRPC server and returns them by their
// full name.
func register(s *grpc.Server, world *catalog, policies *policies, logs *logs, documents *documents) map[protoreflect.FullName]any {
	iam := func(resolve func(string) (string, error)) policyServer { return policyServer{policies, resolve} }
	var (
		registry      = &registryServer{policyServer: iam(world.repositoryName), world: world}
		secrets       = &secretServer{policyServer: iam(world.secretName), world: world}
		services      = &serviceServer{policyServer: iam(world.workloadName(serviceForm, "SERVICE")), world: world}
		jobs          = &jobServer{policyServer: iam(world.workloadName(jobForm, "JOB")), world: world}
		workerPools   = &workerPoolServer{policyServer: iam(world.workloadName(workerPoolForm, "WORKERPOOL")), world: world}
		accounts      = &accountServer{policyServer: iam(world.accountName), world: world}
		projects      = &projectServer{policyServer: iam(world.projectName), world: world}
		folders       = &folderServer{policyServer: iam(world.parentName("folders")), world: world}
		locations     = &locationServer{world: world}
		made          = iam(world.madeName)
		organizations = &organizationServer{policyServer: iam(world.parentName("organizations"))}
	)
	artifactregistrypb.RegisterArtifactRegistryServer(s, registry)
	secretmanagerpb.RegisterSecretManagerServiceServer(s, secrets)
	runpb.RegisterServicesServer(s, services)
	runpb.RegisterJobsServer(s, jobs)
	runpb.RegisterWorkerPoolsServer(s, workerPools)
	adminpb.RegisterIAMServer(s, accounts)
	resourcemanagerpb.RegisterProjectsServer(s, projects)
	resourcemanagerpb.RegisterFoldersServer(s, folders)
	resourcemanagerpb.RegisterOrganizationsServer(s, organizations)
	loggingpb.RegisterLoggingServiceV2Server(s, logs)
	firestorepb.RegisterFirestoreServer(s, documents)
	iampb.RegisterIAMPolicyServer(s, made)
	location.RegisterLocationsServer(s, locations)
	return map[protoreflect.FullName]any{
		"google.devtools.artifactregistry.v1.ArtifactRegistry": registry,
		"google.cloud.secretmanager.v1.SecretManagerService":   secrets,
		"google.cloud.run.v2.Services":                         services,
		"google.cloud.run.v2.Jobs":                             jobs,
		"google.cloud.run.v2.WorkerPools":                      workerPools,
		"google.iam.admin.v1.IAM":                              accounts,
		"google.cloud.resourcemanager.v3.Projects":             projects,
		"google.cloud.resourcemanager.v3.Folders":              folders,
		"google.cloud.resourcemanager.v3.Organizations":        organizations,
		"google.logging.v2.LoggingServiceV2":                   logs,
		"google.firestore.v1.Firestore":                        documents,
		"google.iam.v1.IAMPolicy":                              made,
		"google.cloud.location.Locations":                      locations,
	}
}
