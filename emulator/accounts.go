package emulator

import (
	"context"
	"strings"

	"cloud.google.com/go/iam/admin/apiv1/adminpb"
)

type accountServer struct {
	policyServer
	unimplementedAccounts
	world *catalog
}

type unimplementedAccounts struct{ adminpb.UnimplementedIAMServer }

// accountName finds a service account, also under the wildcard project "-".
// One that its project makes exists if it was made. Any other, such as that of
// a service, exists unless the seed says that it is missing.
func (c *catalog) accountName(name string) (string, error) {
	full := c.canonical(name)
	if !accountForm.pattern().MatchString(full) {
		return "", invalid("Invalid form for the service account %q: want %s.", name, accountForm.want)
	}
	if !c.made.Has(full) && (c.missing["serviceAccount:"+accountEmail(full)] || c.ownAccount(full)) {
		return "", notFound("Unknown service account")
	}
	return full, nil
}

// isMade tells whether a member is an account that was made.
func (c *catalog) isMade(member string) bool {
	email, ok := strings.CutPrefix(member, "serviceAccount:")
	return ok && c.made.Has(c.canonical("projects/-/serviceAccounts/"+email))
}

// ownAccount tells whether an account is of those that a project of this cloud
// makes for itself.
func (c *catalog) ownAccount(name string) bool {
	parts, ok := accountForm.parts(name)
	if !ok {
		return false
	}
	_, made := userAccount.parts(parts[1])
	return made && c.projects[parts[0]] != nil
}

func accountEmail(name string) string { return name[strings.LastIndex(name, "/")+1:] }

func (s *accountServer) GetServiceAccount(_ context.Context, req *adminpb.GetServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	name, err := s.resolve(req.GetName())
	if err != nil {
		return nil, err
	}
	if doc, ok := s.world.made.Document(name); ok {
		account := &adminpb.ServiceAccount{}
		return account, fromObject(doc, account)
	}
	parts, _ := accountForm.parts(name)
	return &adminpb.ServiceAccount{Name: name, ProjectId: parts[0], Email: parts[1]}, nil
}
