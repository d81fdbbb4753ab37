package doctor

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/api/iam/v1"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// accounts looks at the service accounts, and for keys of theirs.
func (k *desk) accounts() []Check {
	var checks []Check
	for _, name := range []string{deploy.Function, deploy.TriggerAccount, deploy.BuildAccount} {
		email := k.account(name)
		checks = append(checks,
			Check{Name: accounts, On: email, Look: func(ctx context.Context) []Result { return []Result{k.lookAtAccount(ctx, name)} }},
			Check{Name: "keys", On: email, Needs: []string{accounts + " " + email}, Look: func(ctx context.Context) []Result { return k.lookAtKeys(ctx, email) }},
		)
	}
	return checks
}

func (k *desk) lookAtAccount(ctx context.Context, name string) Result {
	email := k.account(name)
	got, err := rest.Get[iam.ServiceAccount](ctx, k.cloud, iamService, "v1/"+k.name("serviceAccounts/"+email))
	switch {
	case rest.Missing(err):
		return missing(gcloud("iam", "service-accounts", "create", name, k.in()), "there is none")
	case err != nil:
		return Unseen(err, "iam.serviceAccounts.get")
	case got.Disabled:
		return Bad(gcloud("iam", "service-accounts", "enable", email, k.in()), "it is disabled")
	}
	return Good("enabled")
}

// lookAtKeys finds keys that people made. With one, whoever has the file is
// pullfix, from anywhere.
func (k *desk) lookAtKeys(ctx context.Context, email string) []Result {
	path := "v1/" + k.name("serviceAccounts/"+email+"/keys?"+url.Values{"keyTypes": {"USER_MANAGED"}}.Encode())
	list, err := rest.Get[iam.ListServiceAccountKeysResponse](ctx, k.cloud, iamService, path)
	if err != nil {
		return []Result{Unseen(err, "iam.serviceAccountKeys.list")}
	}
	var found []Result
	for _, key := range list.Keys {
		id := key.Name[strings.LastIndexByte(key.Name, '/')+1:]
		command := gcloud("iam", "service-accounts", "keys", "delete", id, "--iam-account="+email, k.in(), "--quiet")
		found = append(found, Bad(command, "key %s: whoever has its file can act as this account", id))
	}
	if found == nil {
		return []Result{Good("nobody has a key")}
	}
	return found
}
