package emulator

import (
	"context"
	"fmt"
	"hash/fnv"

	"cloud.google.com/go/run/apiv2/runpb"
)

type (
	serviceServer struct {
		policyServer
		unimplementedServices
	}
	jobServer struct {
		policyServer
		unimplementedJobs
	}
	workerPoolServer struct {
		policyServer
		unimplementedWorkerPools
	}
)

type (
	unimplementedServices struct {
		runpb.UnimplementedServicesServer
	}
	unimplementedJobs        struct{ runpb.UnimplementedJobsServer }
	unimplementedWorkerPools struct {
		runpb.UnimplementedWorkerPoolsServer
	}
)

// workloadName finds what Cloud Run runs; kind is Cloud Run's own word for it.
func (c *catalog) workloadName(form nameForm, kind string) func(string) (string, error) {
	return func(name string) (string, error) {
		full := c.canonical(name)
		parts, ok := form.parts(full)
		switch {
		case !ok:
			return "", invalid("Invalid resource name %q: want %s.", name, form.want)
		case !c.workloads[full]:
			return "", notFound("Resource '%s' of kind '%s' in region '%s' in project '%s' does not exist.", parts[2], kind, parts[1], parts[0])
		}
		return full, nil
	}
}

func ready() *runpb.Condition {
	return &runpb.Condition{Type: "Ready", State: runpb.Condition_CONDITION_SUCCEEDED, LastTransitionTime: created}
}

func (s *serviceServer) GetService(_ context.Context, req *runpb.GetServiceRequest) (*runpb.Service, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	parts, _ := serviceForm.parts(name)
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name))
	return &runpb.Service{
		Name:               name,
		Generation:         1,
		ObservedGeneration: 1,
		CreateTime:         created,
		UpdateTime:         created,
		Uri:                fmt.Sprintf("https://%s-%08x.%s.run.app", parts[2], hash.Sum32(), parts[1]),
		TerminalCondition:  ready(),
	}, nil
}

func (s *jobServer) GetJob(_ context.Context, req *runpb.GetJobRequest) (*runpb.Job, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	return &runpb.Job{
		Name:               name,
		Generation:         1,
		ObservedGeneration: 1,
		CreateTime:         created,
		UpdateTime:         created,
		TerminalCondition:  ready(),
	}, nil
}

func (s *workerPoolServer) GetWorkerPool(_ context.Context, req *runpb.GetWorkerPoolRequest) (*runpb.WorkerPool, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	return &runpb.WorkerPool{
		Name:               name,
		Generation:         1,
		ObservedGeneration: 1,
		CreateTime:         created,
		UpdateTime:         created,
		TerminalCondition:  ready(),
	}, nil
}
