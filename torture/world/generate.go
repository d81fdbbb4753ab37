package world

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The number of the stream of random numbers that events come from, so that they
// do not depend on what else is drawn from the same seed.
const eventStream = 1

// Events returns so many events of a seed.
func (w World) Events(seed uint64, events int) []Event {
	m := &maker{World: w, Rand: rand.New(rand.NewPCG(seed, eventStream))}
	all := make([]Event, 0, events)
	for len(all) < events {
		if m.IntN(stormEvery) == 0 {
			all = append(all, m.storm(len(all), min(stormSize, events-len(all)))...)
			continue
		}
		all = append(all, m.event(len(all)))
	}
	for n := range all {
		all[n].number = n
	}
	return all
}

const (
	stormEvery = 400 // events between storms, on average
	stormSize  = 40  // events on one repository, one after the other
)

// maker draws events.
type maker struct {
	World
	*rand.Rand
}

func (m *maker) event(n int) Event {
	left := m.IntN(totalWeight)
	for _, c := range classes {
		if left -= c.weight; left < 0 {
			e := c.make(m, fmt.Sprintf("event-%06d", n))
			e.Class = c.name
			if copies := m.copies(); e.Copies == 0 {
				e.Copies = copies
			}
			return e
		}
	}
	panic("unreachable: the weights of all classes are the total")
}

// copies is how many messages carry an entry. A sink may publish it twice.
func (m *maker) copies() int {
	switch n := m.IntN(100); {
	case n < 1:
		return 4
	case n < 8:
		return 2
	default:
		return 1
	}
}

func (m *maker) storm(from, events int) []Event {
	repository, all := team(m.IntN(m.repositories)), make([]Event, events)
	for n, of := range m.Perm(max(m.apps, events))[:events] {
		all[n] = m.pull(fmt.Sprintf("event-%06d", from+n), app(of%m.apps), repository)
		all[n].Class, all[n].Copies = "storm", 1
	}
	return all
}

func (m *maker) pull(id string, p project, repository string) Event {
	b := Binding{images.repository(repository), reader, account(p.runAgent())}
	return one(id, Granted, b, imageDenied(id, p, p, p.runAgent(), image(images, repository, "v1")))
}

func account(email string) string { return "serviceAccount:" + email }

// one is the event of an entry with one finding.
func one(id string, end End, b Binding, e entry) Event {
	return Event{ID: id, Findings: []Finding{{Binding: b, End: end}}, build: e.json}
}

// alerted is the event of an entry that leads to an alert and nothing else.
func alerted(id string, e entry) Event { return one(id, Alerted, Binding{}, e) }

// told is alerted, and says who is told what.
func told(id string, channel int, problem string, e entry) Event {
	event := alerted(id, e)
	event.Findings[0].Channel, event.Findings[0].Problem = alertsChannel(channel), problem
	return event
}

func (m *maker) app() project   { return app(m.IntN(m.apps)) }
func (m *maker) quiet() project { return quiet(m.IntN(few)) }
func (m *maker) team() string   { return team(m.IntN(m.repositories)) }
func (m *maker) refusing() int  { return rivals + m.IntN(channels-rivals) }
func (m *maker) secret() string { return password(m.IntN(m.secrets)) }

// within is a time between two.
func (m *maker) within(least, most time.Duration) time.Duration {
	return least + time.Duration(m.Int64N(int64(most-least)))
}

// class is one kind of event.
type class struct {
	name   string
	weight int
	make   func(m *maker, id string) Event
}

const (
	downloads = "artifactregistry.repositories.downloadArtifacts"
	uploads   = "artifactregistry.repositories.uploadArtifacts"
)

// classes are all kinds of events, each as often as it weighs.
var classes = []class{
	{"image of a service", 200, func(m *maker, id string) Event { return m.young(m.pull(id, m.app(), m.team())) }},
	{"image of a deployer", 50, func(m *maker, id string) Event {
		p, repository := m.app(), m.team()
		b := Binding{images.repository(repository), reader, account(p.account("deployer"))}
		return one(id, Granted, b, unreadable(id, p, p.account("deployer"), repository))
	}},
	{"download of a build", 50, func(m *maker, id string) Event {
		p, repository := m.app(), m.team()
		b := Binding{images.repository(repository), reader, account(p.account("build"))}
		return one(id, Granted, b, registryDenied(id, images, images, repository, p.account("build"), downloads, "Docker-GetManifest", "manifests/v1"))
	}},
	{"upload of a build", 40, func(m *maker, id string) Event {
		p, repository := m.app(), m.team()
		b := Binding{images.repository(repository), writer, account(p.account("build"))}
		return one(id, Granted, b, registryDenied(id, images, images, repository, p.account("build"), uploads, "Docker-StartUpload", "blobs/uploads/"))
	}},
	{"secret of a service", 70, func(m *maker, id string) Event {
		p, secret := m.app(), m.secret()
		b := Binding{passwords.secret(secret), accessor, account(p.account("web"))}
		return one(id, Granted, b, secretDenied(id, passwords, passwords, secret, p.account("web")))
	}},
	{"secret of a mirror", 20, func(m *maker, id string) Event {
		p, secret := mirror(m.IntN(few)), hub(m.IntN(few))
		b := Binding{passwords.secret(secret), accessor, account(p.registryAgent())}
		return one(id, Granted, b, secretDenied(id, passwords, passwords, secret, p.registryAgent()))
	}},
	{"call of a service", 50, func(m *maker, id string) Event {
		p := m.app()
		caller := p.account(fmt.Sprintf("trigger-%02d", m.IntN(few)))
		return one(id, Granted, Binding{p.service(), invoker, account(caller)}, callDenied(id, p, caller))
	}},
	{"two secrets in one entry", 20, func(m *maker, id string) Event {
		p := app(m.IntN(min(m.apps, few)))
		member := p.account(fmt.Sprintf("web-%02d", m.IntN(50)))
		e := one(id, Granted, Binding{p.secret("own-password"), accessor, account(member)}, revisionDenied(id, p, member, "own-password", "master-key"))
		e.Findings = append(e.Findings, Finding{Binding: Binding{Resource: p.secret("master-key")}})
		return e
	}},

	{"nobody may change the policy", 15, func(m *maker, id string) Event {
		e := m.pull(id, m.app(), locked(m.IntN(few)))
		e.Findings[0].End = Refused
		return e
	}},
	{"account that is gone", 15, func(m *maker, id string) Event {
		p, repository := m.quiet(), m.team()
		b := Binding{images.repository(repository), reader, account(p.account("gone"))}
		return one(id, Refused, b, unreadable(id, p, p.account("gone"), repository))
	}},

	{"denied image", 40, func(m *maker, id string) Event {
		p, n := m.app(), m.refusing()
		return told(id, n, "image for "+p.id, imageDenied(id, p, p, p.runAgent(), image(vault(n), "keep", "v1")))
	}},
	{"denied secret", 40, func(m *maker, id string) Event {
		p, n := m.app(), m.refusing()
		return told(id, n, "secret for "+p.id, secretDenied(id, vault(n), vault(n), "key", p.account("web")))
	}},
	{"no rule", 5, func(m *maker, id string) Event {
		p := m.app()
		return alerted(id, imageDenied(id, p, p, p.runAgent(), image(images, "tools", "v1")))
	}},
	{"ignored", 50, func(m *maker, id string) Event {
		p := sandbox(m.IntN(few))
		return one(id, Ignored, Binding{}, imageDenied(id, p, p, p.runAgent(), image(images, m.team(), "v1")))
	}},
	{"who may act as an account", 15, func(m *maker, id string) Event {
		n := m.refusing()
		p := denied(n)
		message := "Permission 'iam.serviceaccounts.actAs' denied on service account " + p.account("web") + " (or it may not exist)."
		return told(id, n, "act as", deployRefused(id, p, p.account("deployer"), "CreateService", message, image(images, team(0), "v1")))
	}},
	{"who may deploy", 5, func(m *maker, id string) Event {
		p := m.app()
		message := "Permission 'run.services.update' denied on resource '" + p.service() + "' (or resource may not exist)."
		lacks := object{"permission": "run.services.update", "resource": p.service()}
		return alerted(id, deployRefused(id, p, p.account("deployer"), "UpdateService", message, image(images, team(0), "v1"), lacks))
	}},
	{"a person", 5, func(m *maker, id string) Event {
		return alerted(id, unreadable(id, m.quiet(), "ann@example.com", m.team()))
	}},
	{"image that is missing", 25, func(m *maker, id string) Event {
		p := m.quiet()
		return alerted(id, imageDenied(id, p, p, p.runAgent(), image(images, m.team(), "v9")))
	}},
	{"secret that is missing", 20, func(m *maker, id string) Event {
		return alerted(id, secretDenied(id, passwords, passwords, "db-lost", m.quiet().account("web")))
	}},

	{"forged number", 25, func(m *maker, id string) Event {
		p, victim := m.app(), m.quiet()
		return alerted(id, imageDenied(id, p, victim, victim.runAgent(), image(images, m.team(), "v1")))
	}},
	{"forged agent", 25, func(m *maker, id string) Event {
		p, victim := m.app(), m.quiet()
		return alerted(id, imageDenied(id, p, p, victim.runAgent(), image(images, m.team(), "v1")))
	}},
	{"forged access to a secret", 25, func(m *maker, id string) Event {
		return alerted(id, secretDenied(id, m.app(), passwords, m.secret(), m.quiet().account("web")))
	}},
	{"forged access to a repository", 25, func(m *maker, id string) Event {
		return alerted(id, registryDenied(id, m.app(), images, m.team(), m.quiet().account("build"), downloads, "Docker-GetManifest", "manifests/v1"))
	}},
	{"not of an audit log", 10, func(m *maker, id string) Event {
		p := m.quiet()
		e := imageDenied(id, p, p, p.runAgent(), image(images, m.team(), "v1"))
		e.log = "projects/" + p.id + "/logs/run.googleapis.com%2Fstderr"
		return alerted(id, e)
	}},
	{"of the future", 10, func(m *maker, id string) Event {
		e := m.pull(id, m.quiet(), m.team())
		e.Findings, e.age = []Finding{{End: Alerted}}, -m.within(2*time.Hour, 12*time.Hour)
		return e
	}},
	{"too old", 35, func(m *maker, id string) Event {
		e := m.pull(id, m.quiet(), m.team())
		e.Findings, e.age = []Finding{{End: Ignored}}, m.within(7*time.Hour, 40*time.Hour)
		return e
	}},

	{"unreadable", 10, func(m *maker, id string) Event {
		return Event{Findings: []Finding{{End: Alerted}}, Copies: 1, build: m.broken(m.pull(id, m.app(), m.team()))}
	}},
	{"nothing denied", 60, func(m *maker, id string) Event {
		return Event{ID: id, build: deployed(id, m.app(), image(images, m.team(), "v1")).json}
	}},
}

var totalWeight = func() (all int) {
	for _, c := range classes {
		all += c.weight
	}
	return all
}()

// unreadable is what Cloud Run says to a deployer who cannot read the image.
func unreadable(id string, p project, caller, repository string) entry {
	ref := image(images, repository, "v1")
	return deployRefused(id, p, caller, "CreateService", "User must have permission to read the image, "+ref+".", ref)
}

// young lets an entry be some hours old, which changes nothing.
func (m *maker) young(e Event) Event {
	if m.IntN(4) == 0 {
		e.age = m.within(0, 4*time.Hour)
	}
	return e
}

// broken is what is left of an entry, or no entry at all.
func (m *maker) broken(e Event) func(moment) []byte {
	cut, noise := 0.1+0.8*m.Float64(), m.Uint64()
	switch m.IntN(3) {
	case 0:
		return func(moment) []byte { return nil }
	case 1:
		return func(moment) []byte { return fmt.Appendf(nil, "\x00\xff%x\x80", noise) }
	default:
		return func(when moment) []byte {
			whole := e.build(when)
			return append(whole[:int(float64(len(whole))*cut)], '\\')
		}
	}
}
