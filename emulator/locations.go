package emulator

import (
	"context"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/cloud/location"
)

// locationServer knows the locations in which a project has something.
type locationServer struct {
	location.UnimplementedLocationsServer
	world *catalog
}

func (s *locationServer) ListLocations(_ context.Context, req *location.ListLocationsRequest) (*location.ListLocationsResponse, error) {
	project, err := s.world.projectName(req.GetName())
	if err != nil {
		return nil, err
	}
	var all []*location.Location
	for _, id := range s.world.locationsOf(project) {
		all = append(all, &location.Location{Name: project + "/locations/" + id, LocationId: id, DisplayName: id})
	}
	page, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &location.ListLocationsResponse{Locations: page, NextPageToken: next}, err
}

func (c *catalog) locationsOf(project string) []string {
	var names []string
	names = slices.AppendSeq(names, maps.Keys(c.repositories))
	names = slices.AppendSeq(names, maps.Keys(c.made.Documents()))
	found := map[string]bool{}
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, project+"/locations/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			found[id] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
