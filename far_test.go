package pullfix

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// far is the other side of the channel "team", which is of one of the types.
type far struct {
	channel string // in the policy, but for where its secret is
	key     string // that says where
	secret  string // that works
	count   func() int
	replace func() (secret string) // makes another secret work in its place
	hook    *slackServer           // of the type slack-webhook
	bot     *botServer             // of the type slack
	office  *mailServer            // of the type email
}

// farSides has one for each type.
var farSides = map[string]func(*testing.T) *far{
	"slack-webhook": func(t *testing.T) *far {
		s := newSlackServer(t, "")
		secret := strings.TrimSuffix(s.url, "token") + "T0TEAM/" + core
		fresh := secret + "New"
		return &far{
			channel: "type: slack-webhook", key: "target", secret: secret, count: s.count, hook: s,
			replace: func() string {
				s.meet(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(fresh, r.URL.Path) {
						answering(http.StatusForbidden, "invalid_token")(w, r)
						return
					}
					s.take(w, r)
				})
				return fresh
			},
		}
	},
	"slack": func(t *testing.T) *far {
		s := newBotServer(t, "xoxb-"+core)
		return &far{
			channel: "type: slack, target: " + conversation + ", server: \"" + s.url + "\"", key: "secret", secret: s.token, count: s.count, bot: s,
			replace: func() string { s.replace("xoxb-" + core + "New"); return "xoxb-" + core + "New" },
		}
	},
	"email": func(t *testing.T) *far {
		s := newMailServer(t, core)
		return &far{
			channel: "type: email, target: team@example.com, from: pullfix@example.com, server: \"" + s.url + "\"", key: "secret", secret: s.password,
			count: s.count, office: s,
			replace: func() string { s.replace(core + "New"); return core + "New" },
		}
	},
}

// core is the part of every secret that is nowhere to be seen.
const core = "hV7qZx2LmW9tRb4KcY8d"

// withFar puts the channels "team" and "other" into a story. Where the secret of
// team is, is a reference.
func withFar(story *txtar.Archive, f *far, reference string, other *slackServer) *txtar.Archive {
	return withEnv(withRules(story, "notify:\n  - {name: team, "+f.channel+", "+f.key+": \""+reference+"\"}\n"+
		"  - {name: other, type: slack-webhook, target: \"env:HOOK_OTHER\"}\n"), "PULLFIX_SLACK=", "HOOK_OTHER="+other.url)
}
