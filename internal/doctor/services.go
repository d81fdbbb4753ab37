package doctor

import (
	"context"

	"google.golang.org/api/serviceusage/v1"

	"github.com/pullfix/pullfix/internal/rest"
)

// services returns the services that are enabled in the project.
func (k *desk) services(ctx context.Context) ([]string, error) {
	var enabled []string
	pages := rest.Pages(ctx, k.cloud, "serviceusage.googleapis.com", "v1/"+k.name("services?filter=state:ENABLED&pageSize=200"),
		func(p *serviceusage.ListServicesResponse) string { return p.NextPageToken })
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, s := range page.Services {
			if s.Config != nil {
				enabled = append(enabled, s.Config.Name)
			}
		}
	}
	return enabled, nil
}
