package main

import (
	"context"
	"slices"
	"time"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/table"
)

// subject is what is measured in turn with the others.
type subject struct {
	of     string
	kind   event.Kind
	server *server
	slow   bool // waits for calls: measured longer, to see enough events
	next   int  // number of its next event
}

// group are the subjects of one server.
type group struct {
	latency  time.Duration // of a call
	start    func(*bench, context.Context, *group) (*server, error)
	google   *cloud // nil where the server calls nobody
	subjects []subject
}

func groups() []group {
	return []group{
		{start: (*bench).startNothing, subjects: []subject{{of: table.Nothing, kind: event.Success}}},
		{start: (*bench).startFloor, subjects: []subject{{of: table.Floor, kind: event.Success}}},
		{start: (*bench).startGlance, subjects: []subject{{of: table.Glance, kind: event.Success}}},
		{start: (*bench).startAlone, subjects: []subject{
			{of: table.Boring, kind: event.Success},
			{of: table.Read, kind: event.Read},
			{of: table.Decided, kind: event.Ignored},
			{of: table.Told, kind: event.Alert},
		}},
		{start: (*bench).startOnCloud, subjects: []subject{
			{of: table.Alert0, kind: event.Alert},
			{of: table.Observe0, kind: event.Observe},
			{of: table.Grant0, kind: event.Grant},
		}},
		{latency: slowCall, start: (*bench).startOnCloud, subjects: []subject{
			{of: table.Alert20, kind: event.Alert, slow: true},
			{of: table.Observe20, kind: event.Observe, slow: true},
			{of: table.Grant20, kind: event.Grant, slow: true},
		}},
	}
}

// eventRows are the rows that are measured with events.
func eventRows() (rows []string) {
	for _, g := range groups() {
		for _, s := range g.subjects {
			rows = append(rows, s.of)
		}
	}
	return rows
}

// slowCall is how long a call takes where it is to be like one of Google's.
const slowCall = 20 * time.Millisecond

// subjects starts the servers of the rows that are wanted, and returns them. stop
// ends what was started, also after an error.
func (b *bench) subjects(ctx context.Context, wanted func(of string) bool) (all []*subject, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	for _, g := range groups() {
		g.subjects = slices.DeleteFunc(g.subjects, func(s subject) bool { return !wanted(s.of) })
		if len(g.subjects) == 0 {
			continue
		}
		s, err := g.start(b, ctx, &g)
		if g.google != nil {
			stops = append(stops, g.google.stop)
		}
		if err != nil {
			return nil, stop, err
		}
		stops = append(stops, s.stop)
		for _, one := range g.subjects {
			one.server = s
			all = append(all, &one)
		}
	}
	return all, stop, nil
}

func (b *bench) startNothing(ctx context.Context, _ *group) (*server, error) {
	return b.startServer(ctx, b.built.nothing, "nothing")
}

func (b *bench) startFloor(ctx context.Context, _ *group) (*server, error) {
	return b.startServer(ctx, b.built.floor, "floor")
}

func (b *bench) startGlance(ctx context.Context, _ *group) (*server, error) {
	return b.startServer(ctx, b.built.floor, "floor", "GLANCE=1")
}

// startAlone starts a function in observe mode that calls nobody.
func (b *bench) startAlone(ctx context.Context, _ *group) (*server, error) {
	rules, err := b.write("observe.yaml", event.Rules(true, 0))
	if err != nil {
		return nil, err
	}
	return b.startServer(ctx, b.built.function, "pullfix", "PULLFIX_RULES="+rules, "PULLFIX_AUDIT=file:"+b.path("record.jsonl"), "PULLFIX_LEDGER=memory")
}

// startOnCloud starts a function as it is deployed, and a local Google Cloud.
func (b *bench) startOnCloud(ctx context.Context, g *group) (s *server, err error) {
	if g.google, err = b.startCloud(ctx, event.Seed{Latency: g.latency}.YAML()); err != nil {
		return nil, err
	}
	return b.startFunction(ctx, g.google)
}

// startFunction starts a function as it is deployed.
func (b *bench) startFunction(ctx context.Context, google *cloud) (*server, error) {
	env, err := b.deployed(google.address)
	if err != nil {
		return nil, err
	}
	return b.startServer(ctx, b.built.function, "pullfix", env...)
}

// deployed are the settings of a deployment with Google Cloud at an address.
func (b *bench) deployed(google string) ([]string, error) {
	rules, err := b.write("enforce.yaml", event.Rules(false, 0))
	return []string{"PULLFIX_RULES=" + rules, "PULLFIX_AUDIT=cloud", "PULLFIX_LEDGER=firestore", "PULLFIX_ENDPOINT=" + google}, err
}
