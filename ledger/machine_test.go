package ledger

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

// trouble is a store that fails at most once in an operation, when it is told
// to, before a call is carried out or after.
type trouble struct {
	Store
	left  int // calls until it fails
	after bool
	err   error
}

func (s *trouble) fail(after bool) error {
	if s.left != 0 || s.after != after {
		return nil
	}
	s.left--
	return s.err
}

func (s *trouble) Load(ctx context.Context, names []string) ([]Document, error) {
	s.left--
	if err := s.fail(false); err != nil {
		return nil, err
	}
	docs, err := s.Store.Load(ctx, names)
	if err == nil {
		err = s.fail(true)
	}
	return docs, err
}

func (s *trouble) Save(ctx context.Context, docs []Document, now time.Time) error {
	s.left--
	if err := s.fail(false); err != nil {
		return err
	}
	if err := s.Store.Save(ctx, docs, now); err != nil {
		return err
	}
	return s.fail(true)
}

// machine has three instances on a store that makes trouble, and a clock.
type machine struct {
	*rapid.T
	store     *trouble
	instances []*Ledger
	now       time.Time
}

func newMachine(t *rapid.T) *machine {
	m := &machine{T: t, store: &trouble{Store: NewMemory()}, now: noon}
	for k := range 3 {
		l := impatient(m.store)
		l.shard = k
		m.instances = append(m.instances, l)
	}
	return m
}

func (m *machine) instance() *Ledger {
	return m.instances[rapid.IntRange(0, len(m.instances)-1).Draw(m.T, "instance")]
}

func (m *machine) event() string { return fmt.Sprint(rapid.IntRange(0, 15).Draw(m.T, "event")) }

func (m *machine) advance(most time.Duration) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(most/time.Second)).Draw(m.T, "seconds")) * time.Second)
}

// through makes an operation, again if it fails: the event comes again.
func (m *machine) through(op func(l *Ledger) error) {
	m.store.left = rapid.IntRange(0, 8).Draw(m.T, "calls until a fault")
	m.store.after = rapid.Bool().Draw(m.T, "carried out")
	m.store.err = status.Error(rapid.SampledFrom([]codes.Code{codes.Aborted, codes.Internal}).Draw(m.T, "code"), "fault")
	if m.store.left > 4 {
		m.store.left = -1
	}
	err := op(m.instance())
	if err != nil {
		err = op(m.instance())
	}
	if err != nil {
		m.Fatal(err)
	}
}
