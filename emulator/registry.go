package emulator

import (
	"context"
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type repository struct {
	name           string
	format         artifactregistrypb.Repository_Format
	mode           artifactregistrypb.Repository_Mode
	upstreamSecret string                     // remote: the secret version with the upstream's password
	upstreams      []string                   // virtual: names of repositories
	rules          []*artifactregistrypb.Rule // in the seed's order
	images         []*image                   // by package, then digest
}

type registryServer struct {
	policyServer
	unimplementedRegistry
	world *catalog
}

type unimplementedRegistry struct {
	artifactregistrypb.UnimplementedArtifactRegistryServer
}

func noEntity() error { return notFound("Requested entity was not found.") }

// noFilter refuses what a list would otherwise silently not do.
func noFilter(filter string) error {
	if filter != "" {
		return status.Errorf(codes.Unimplemented, "filter %q: the emulator does not filter this list", filter)
	}
	return nil
}

func (c *catalog) repository(name string) (*repository, error) {
	if r, ok := c.repositories[c.canonical(name)]; ok {
		return r, nil
	}
	return nil, noEntity()
}

func (c *catalog) repositoryName(name string) (string, error) {
	r, err := c.repository(name)
	if err != nil {
		return "", err
	}
	return r.name, nil
}

// registryURI is what the names of the repository's artifacts begin with.
func (r *repository) registryURI() string {
	parts, _ := repositoryForm.parts(r.name)
	host := parts[1] + "-" + strings.ToLower(r.format.String()) + ".pkg.dev"
	return host + "/" + strings.ReplaceAll(parts[0], ":", "/") + "/" + parts[2]
}

func (r *repository) proto() *artifactregistrypb.Repository {
	out := &artifactregistrypb.Repository{
		Name:        r.name,
		Format:      r.format,
		Mode:        r.mode,
		RegistryUri: r.registryURI(),
		CreateTime:  created,
		UpdateTime:  created,
	}
	switch r.mode {
	case artifactregistrypb.Repository_REMOTE_REPOSITORY:
		out.ModeConfig = r.remoteConfig()
	case artifactregistrypb.Repository_VIRTUAL_REPOSITORY:
		out.ModeConfig = r.virtualConfig()
	}
	return out
}

func (r *repository) remoteConfig() *artifactregistrypb.Repository_RemoteRepositoryConfig {
	config := &artifactregistrypb.RemoteRepositoryConfig{
		RemoteSource: &artifactregistrypb.RemoteRepositoryConfig_CommonRepository{
			CommonRepository: &artifactregistrypb.RemoteRepositoryConfig_CommonRemoteRepository{Uri: "https://upstream.example.com"},
		},
	}
	if r.upstreamSecret != "" {
		config.UpstreamCredentials = &artifactregistrypb.RemoteRepositoryConfig_UpstreamCredentials{
			Credentials: &artifactregistrypb.RemoteRepositoryConfig_UpstreamCredentials_UsernamePasswordCredentials_{
				UsernamePasswordCredentials: &artifactregistrypb.RemoteRepositoryConfig_UpstreamCredentials_UsernamePasswordCredentials{
					Username:              "upstream",
					PasswordSecretVersion: r.upstreamSecret,
				},
			},
		}
	}
	return &artifactregistrypb.Repository_RemoteRepositoryConfig{RemoteRepositoryConfig: config}
}

func (r *repository) virtualConfig() *artifactregistrypb.Repository_VirtualRepositoryConfig {
	config := &artifactregistrypb.VirtualRepositoryConfig{}
	for i, upstream := range r.upstreams {
		config.UpstreamPolicies = append(config.UpstreamPolicies, &artifactregistrypb.UpstreamPolicy{
			Id:         upstream[strings.LastIndex(upstream, "/")+1:],
			Repository: upstream,
			Priority:   int32(len(r.upstreams) - i),
		})
	}
	return &artifactregistrypb.Repository_VirtualRepositoryConfig{VirtualRepositoryConfig: config}
}

func (s *registryServer) GetRepository(_ context.Context, req *artifactregistrypb.GetRepositoryRequest) (*artifactregistrypb.Repository, error) {
	r, err := s.world.repository(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.proto(), nil
}

func (s *registryServer) ListRepositories(_ context.Context, req *artifactregistrypb.ListRepositoriesRequest) (*artifactregistrypb.ListRepositoriesResponse, error) {
	if err := noFilter(req.GetFilter()); err != nil {
		return nil, err
	}
	prefix := s.world.canonical(req.GetParent()) + "/repositories/"
	var all []*artifactregistrypb.Repository
	for _, name := range slices.Sorted(maps.Keys(s.world.repositories)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, s.world.repositories[name].proto())
		}
	}
	repositories, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListRepositoriesResponse{Repositories: repositories, NextPageToken: next}, err
}

func (s *registryServer) ListRules(_ context.Context, req *artifactregistrypb.ListRulesRequest) (*artifactregistrypb.ListRulesResponse, error) {
	r, err := s.world.repository(req.GetParent())
	if err != nil {
		return nil, err
	}
	rules, next, err := page(r.rules, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListRulesResponse{Rules: rules, NextPageToken: next}, err
}

// GetProjectSettings says whether gcr.io is served from Artifact Registry: it
// is where the project has the repository for it.
func (s *registryServer) GetProjectSettings(_ context.Context, req *artifactregistrypb.GetProjectSettingsRequest) (*artifactregistrypb.ProjectSettings, error) {
	name := s.world.canonical(req.GetName())
	state := artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_DISABLED
	if s.world.repositories[strings.TrimSuffix(name, "/projectSettings")+"/locations/us/repositories/gcr.io"] != nil {
		state = artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_ENABLED
	}
	return &artifactregistrypb.ProjectSettings{Name: name, LegacyRedirectionState: state}, nil
}
