package doctor

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/secretmanager/v1"

	"github.com/pullfix/pullfix/internal/rest"
)

// version is one of a secret that a channel needs, and where it is named.
type version struct{ secret, id, variable string }

// key is that of the check.
func (v version) key() string { return secret + " " + v.String() }

func (v version) String() string { return v.secret + "/versions/" + v.id }

// versionOf reads projects/P/secrets/S/versions/V.
func versionOf(reference, variable string) (version, bool) {
	secret, id, ok := strings.Cut(reference, "/versions/")
	return version{secret, id, variable}, ok && strings.HasPrefix(secret, "projects/")
}

// referenceOf is the version that a variable of the function is.
func referenceOf(s *cloudfunctions.SecretEnvVar) version {
	return version{"projects/" + s.ProjectId + "/secrets/" + s.Secret, s.Version, ""}
}

// needed returns the versions of secrets that the function and the rules name.
func (k *desk) needed(ctx context.Context) []version {
	var all []version
	add := func(reference, variable string) {
		if v, ok := versionOf(reference, variable); ok {
			all = append(all, v)
		}
	}
	if f, err := k.deployed(ctx); err == nil {
		for name, value := range f.ServiceConfig.EnvironmentVariables {
			add(value, name)
		}
		for _, s := range f.ServiceConfig.SecretEnvironmentVariables {
			all = append(all, referenceOf(s))
		}
	}
	if k.Policy != nil {
		for _, c := range k.Policy.Channels() {
			add(c.Secret, "")
		}
	}
	slices.SortFunc(all, func(a, b version) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(all, func(a, b version) bool { return a.String() == b.String() })
}

func (k *desk) secretChecks() []Check {
	var checks []Check
	for _, v := range k.versions {
		checks = append(checks, Check{Name: secret, On: v.String(), Look: func(ctx context.Context) []Result {
			return []Result{k.lookAtSecret(ctx, v)}
		}})
	}
	return checks
}

func (k *desk) lookAtSecret(ctx context.Context, v version) Result {
	part := strings.Split(v.secret, "/")
	in := "--project=" + part[1]
	add := gcloud("secrets", "versions", "add", part[3], in, "--data-file=-")
	if v.variable != "" && v.id != "latest" {
		add += " && " + k.redeploy("--update-env-vars="+v.variable+"="+v.secret+"/versions/latest")
	}
	got, err := rest.Get[secretmanager.SecretVersion](ctx, k.cloud, secretService, "v1/"+v.String())
	switch {
	case rest.Missing(err):
		if _, err := rest.Get[secretmanager.Secret](ctx, k.cloud, secretService, "v1/"+v.secret); rest.Missing(err) {
			return missing(gcloud("secrets", "create", part[3], in, "--replication-policy=automatic", "--data-file=-"), "there is no such secret; the command reads it from standard input")
		}
		return Bad(add, "it has no such version; the command reads one from standard input")
	case err != nil:
		return Unseen(err, "secretmanager.versions.get")
	case got.State == "DISABLED":
		return Bad(gcloud("secrets", "versions", "enable", got.Name[strings.LastIndexByte(got.Name, '/')+1:], "--secret="+part[3], in), "it is disabled")
	case got.State != "ENABLED":
		return Bad(add, "it is %s; the command reads a new one from standard input", got.State)
	}
	return Good("enabled")
}
