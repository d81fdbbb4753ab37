package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// covering looks whether what rules wait for can arrive: whether a source covers
// each project in whose Data Access log it is. A source that deploys is not
// enough, for a denial is logged where what was accessed is.
func (k *desk) covering() []Check {
	var checks []Check
	for _, project := range slices.Sorted(maps.Keys(k.awaited())) {
		checks = append(checks, Check{Name: "source", On: "projects/" + project, Look: func(ctx context.Context) []Result {
			return []Result{k.covers(ctx, project)}
		}})
	}
	return checks
}

func (k *desk) covers(ctx context.Context, name string) Result {
	if strings.Contains(name, "*") {
		return unlisted
	}
	_, id := k.namesOf(ctx, name)
	project := "projects/" + id.String()
	for place := project; place != ""; {
		if slices.Contains(k.Sources, place) {
			return Good("entries come from %s", place)
		}
		above, err := k.holder(ctx, place)
		if err != nil {
			return Unseen(err, placePermission(place))
		}
		place = above
	}
	return Bad(moreSource(project), "no source covers it: denials are logged there, and none arrives")
}

// placePermission is what one needs to see what holds a place.
func placePermission(place string) string {
	collection, _, _ := strings.Cut(place, "/")
	return "resourcemanager." + collection + ".get"
}

// moreSource is the command that makes a source of a project. FLAGS stands for
// those of the deployment: what a run leaves out is back at its default.
func moreSource(project string) string { return Shell("./deploy.sh", "FLAGS", "--source", project) }
