package emulator

import (
	"context"
	"fmt"
	"strings"

	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type (
	projectServer struct {
		policyServer
		unimplementedProjects
		world *catalog
	}
	folderServer struct {
		policyServer
		unimplementedFolders
		world *catalog
	}
	organizationServer struct {
		policyServer
		unimplementedOrganizations
	}
)

// The generated servers also have the IAM methods. One level deeper, they give
// way to those of policyServer.
type (
	unimplementedProjects struct {
		resourcemanagerpb.UnimplementedProjectsServer
	}
	unimplementedFolders struct {
		resourcemanagerpb.UnimplementedFoldersServer
	}
	unimplementedOrganizations struct {
		resourcemanagerpb.UnimplementedOrganizationsServer
	}
)

// hidden is how Resource Manager answers for what does not exist.
func hidden(permission, name string) error {
	return status.Errorf(codes.PermissionDenied,
		"Permission 'resourcemanager.%s' denied on resource '//cloudresourcemanager.googleapis.com/%s' (or it may not exist).", permission, name)
}

func (c *catalog) project(name string) (*project, error) {
	if p, ok := c.projects[strings.TrimPrefix(name, "projects/")]; ok {
		return p, nil
	}
	return nil, hidden("projects.get", name)
}

func (c *catalog) projectName(name string) (string, error) {
	p, err := c.project(name)
	if err != nil {
		return "", err
	}
	return "projects/" + p.id, nil
}

// parentName finds a folder or an organization.
func (c *catalog) parentName(collection string) func(string) (string, error) {
	return func(name string) (string, error) {
		if _, ok := c.parents[name]; !ok || !strings.HasPrefix(name, collection+"/") {
			return "", hidden(collection+".get", name)
		}
		return name, nil
	}
}

func (s *projectServer) GetProject(_ context.Context, req *resourcemanagerpb.GetProjectRequest) (*resourcemanagerpb.Project, error) {
	p, err := s.world.project(req.GetName())
	if err != nil {
		return nil, err
	}
	return &resourcemanagerpb.Project{
		Name:        fmt.Sprintf("projects/%d", p.number),
		ProjectId:   p.id,
		DisplayName: p.id,
		Parent:      p.parent,
		State:       resourcemanagerpb.Project_ACTIVE,
		CreateTime:  created,
	}, nil
}

func (s *folderServer) GetFolder(_ context.Context, req *resourcemanagerpb.GetFolderRequest) (*resourcemanagerpb.Folder, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	return &resourcemanagerpb.Folder{
		Name:        name,
		Parent:      s.world.parents[name],
		DisplayName: name,
		State:       resourcemanagerpb.Folder_ACTIVE,
		CreateTime:  created,
	}, nil
}

func (s *organizationServer) GetOrganization(_ context.Context, req *resourcemanagerpb.GetOrganizationRequest) (*resourcemanagerpb.Organization, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	return &resourcemanagerpb.Organization{
		Name:        name,
		DisplayName: name,
		State:       resourcemanagerpb.Organization_ACTIVE,
		CreateTime:  created,
	}, nil
}
