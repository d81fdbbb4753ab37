package iam

import "strings"

// formats are the repository formats that have hosts of their own; "pypi" is
// an older name of "python"
// (https://cloud.google.com/artifact-registry/docs/supported-formats).
var formats = map[string]struct{}{
	"docker": {}, "maven": {}, "npm": {}, "python": {}, "pypi": {}, "apt": {}, "yum": {}, "go": {}, "generic": {},
	"kfp": {}, "googet": {},
}

// RepositoryAt returns the Artifact Registry repository that serves a path of
// a registry host, such as "us-npm.pkg.dev" and "project/repository/package",
// or the unknown resource. Hosts have the forms "LOCATION-FORMAT.pkg.dev" and
// "FORMAT.LOCATION.rep.pkg.dev", and those of gcr.io. Apt and yum put
// "projects" before the project, and apt "dists" before the repository.
func RepositoryAt(host, path string) Resource {
	if _, ok := gcrLocations[host]; ok || dockerLocation(host) != "" {
		r, _ := locate(host, path+"/")
		return r
	}
	location := hostLocation(host)
	path, aptOrYum := strings.CutPrefix(path, "projects/")
	project, rest, ok := cutProject(path + "/")
	if location == "" || !ok {
		return Resource{}
	}
	if aptOrYum {
		rest = strings.TrimPrefix(rest, "dists/")
	}
	repository, _, _ := strings.Cut(rest, "/")
	r, err := ParseResource("projects/" + project.String() + "/locations/" + location + "/repositories/" + repository)
	if err != nil {
		return Resource{}
	}
	return r
}

func hostLocation(host string) string {
	if name, ok := strings.CutSuffix(host, ".rep.pkg.dev"); ok {
		format, location, _ := strings.Cut(name, ".")
		if _, ok := formats[format]; ok {
			return location
		}
		return ""
	}
	name, ok := strings.CutSuffix(host, ".pkg.dev")
	i := strings.LastIndexByte(name, '-')
	if !ok || i < 0 {
		return ""
	}
	if _, ok := formats[name[i+1:]]; !ok {
		return ""
	}
	return name[:i]
}
