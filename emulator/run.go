package emulator

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
)

type (
	serviceServer struct {
		policyServer
		unimplementedServices
		world *catalog
	}
	jobServer struct {
		policyServer
		unimplementedJobs
		world *catalog
	}
	workerPoolServer struct {
		policyServer
		unimplementedWorkerPools
		world *catalog
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
		case !c.made.Has(full):
			return "", notFound("Resource '%s' of kind '%s' in region '%s' in project '%s' does not exist.", parts[2], kind, parts[1], parts[0])
		}
		return full, nil
	}
}

// seededWorkload is what is known of a service, job or worker pool of the seed.
func seededWorkload(name string) object {
	when := created.AsTime().Format(time.RFC3339)
	doc := object{
		"name": name, "generation": "1", "observedGeneration": "1", "createTime": when, "updateTime": when,
		"terminalCondition": object{"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": when},
	}
	if parts, ok := serviceForm.parts(name); ok {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(name))
		doc["uri"] = fmt.Sprintf("https://%s-%08x.%s.run.app", parts[2], hash.Sum32(), parts[1])
	}
	return doc
}

func (s *serviceServer) GetService(_ context.Context, req *runpb.GetServiceRequest) (*runpb.Service, error) {
	return read(s.world, s.resolve, req.GetName(), &runpb.Service{})
}

func (s *serviceServer) ListServices(_ context.Context, req *runpb.ListServicesRequest) (*runpb.ListServicesResponse, error) {
	all, next, err := readPage(s.world, "services", req, func() *runpb.Service { return &runpb.Service{} })
	return &runpb.ListServicesResponse{Services: all, NextPageToken: next}, err
}

func (s *jobServer) GetJob(_ context.Context, req *runpb.GetJobRequest) (*runpb.Job, error) {
	return read(s.world, s.resolve, req.GetName(), &runpb.Job{})
}

func (s *jobServer) ListJobs(_ context.Context, req *runpb.ListJobsRequest) (*runpb.ListJobsResponse, error) {
	all, next, err := readPage(s.world, "jobs", req, func() *runpb.Job { return &runpb.Job{} })
	return &runpb.ListJobsResponse{Jobs: all, NextPageToken: next}, err
}

func (s *workerPoolServer) GetWorkerPool(_ context.Context, req *runpb.GetWorkerPoolRequest) (*runpb.WorkerPool, error) {
	return read(s.world, s.resolve, req.GetName(), &runpb.WorkerPool{})
}

func (s *workerPoolServer) ListWorkerPools(_ context.Context, req *runpb.ListWorkerPoolsRequest) (*runpb.ListWorkerPoolsResponse, error) {
	all, next, err := readPage(s.world, "workerPools", req, func() *runpb.WorkerPool { return &runpb.WorkerPool{} })
	return &runpb.ListWorkerPoolsResponse{WorkerPools: all, NextPageToken: next}, err
}

// read fills the message with the resource that the name resolves to.
func read[M proto.Message](c *catalog, resolve func(string) (string, error), name string, into M) (M, error) {
	full, err := resolve(name)
	if err != nil {
		return into, err
	}
	doc, _ := c.made.Document(full)
	return into, fromObject(doc, into)
}

type paged interface {
	GetParent() string
	GetPageSize() int32
	GetPageToken() string
}

// readPage reads one page of what is in a collection.
func readPage[M proto.Message](c *catalog, collection string, req paged, empty func() M) ([]M, string, error) {
	var all []M
	for _, doc := range c.made.Below(c.canonical(req.GetParent()) + "/" + collection) {
		one := empty()
		if err := fromObject(doc, one); err != nil {
			return nil, "", err
		}
		all = append(all, one)
	}
	return page(all, req.GetPageSize(), req.GetPageToken())
}
