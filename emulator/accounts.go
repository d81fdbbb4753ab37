package emulator

import (
	"context"
	"strings"

	"cloud.google.com/go/iam/admin/apiv1/adminpb"
)

type accountServer struct {
	policyServer
	unimplementedAccounts
}

type unimplementedAccounts struct{ adminpb.UnimplementedIAMServer }

// accountName finds a service account, also under the wildcard project "-".
// One exists unless the seed says that it is missing.
func (c *catalog) accountName(name string) (string, error) {
	full := c.canonical(name)
	if !accountForm.pattern().MatchString(full) {
		return "", invalid("Invalid form for the service account %q: want %s.", name, accountForm.want)
	}
	if c.missing["serviceAccount:"+accountEmail(full)] {
		return "", notFound("Unknown service account")
	}
	return full, nil
}

func accountEmail(name string) string { return name[strings.LastIndex(name, "/")+1:] }

func (s *accountServer) GetServiceAccount(_ context.Context, req *adminpb.GetServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	parts, _ := accountForm.parts(name)
	return &adminpb.ServiceAccount{Name: name, ProjectId: parts[0], Email: parts[1]}, nil
}
