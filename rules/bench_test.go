package rules

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

// shape is a policy whose rules differ in one side, and requests that meet them.
type shape struct {
	name     string
	from, to string // with %d for the number of the rule
	ask      func(q *Request, i int)
}

var shapes = []shape{
	{"from", "projects/app-%d", "projects/shared/**", func(q *Request, i int) { q.From = project("app-%d", i) }},
	{"from-prefix", "projects/app-%d-*", "projects/shared/**", func(q *Request, i int) { q.From = project("app-%d-x", i) }},
	{"from-number", "projects/1%06d", "projects/shared/**", func(q *Request, i int) { q.FromNumber = project("1%06d", i) }},
	{"from-folder", "folders/1%06d", "projects/shared/**", func(q *Request, i int) { q.Above = above(fmt.Sprintf("folders/1%06d", i), "organizations/1") }},
	{"to", "projects/app-*", "projects/shared/locations/*/repositories/apps-%d", func(q *Request, i int) {
		q.To = must(iam.ParseResource(fmt.Sprintf("projects/shared/locations/us/repositories/apps-%d", i)))
	}},
	{"to-number", "projects/app-*", "projects/1%06d/**", func(q *Request, i int) { q.ToNumber = project("1%06d", i) }},
	{"to-in-one-number", "projects/app-*", "projects/900/locations/*/repositories/apps-%d", func(q *Request, i int) {
		q.ToNumber = project("90%d", 0)
		q.To = must(iam.ParseResource(fmt.Sprintf("projects/shared/locations/us/repositories/apps-%d", i)))
	}},
}

func project(format string, i int) iam.Project {
	return must(iam.ParseProject(fmt.Sprintf(format, i)))
}

func number(format string, i int) string {
	if strings.Contains(format, "%") {
		return fmt.Sprintf(format, i)
	}
	return format
}

// generate makes a policy of n rules, of these actions in turn.
func (s shape) generate(n int, actions ...action) []*rule {
	rules := make([]*rule, n)
	for i := range rules {
		r := &rule{
			action: actions[i%len(actions)], name: fmt.Sprint("r", i), line: i, mode: Enforce,
			to:      []pattern{must(parseTo(number(s.to, i)))},
			members: []member{{class: iam.CloudRunAgents}},
		}
		if from := must(parseSource(number(s.from, i))); from.above.IsZero() {
			r.from = []pattern{from.projects}
		} else {
			r.above = []iam.Parent{from.above}
		}
		rules[i] = r
	}
	return rules
}

// known is a request of which nothing is unknown.
func known() Request {
	q := failing()
	q.Above, q.ToNumber = above("folders/222", "organizations/1"), must(iam.ParseProject("901"))
	return q
}

func (s shape) requests(n int) []Request {
	requests := make([]Request, 64)
	for i := range requests {
		requests[i] = known()
		s.ask(&requests[i], rand.IntN(n))
	}
	return requests
}

// oneByOne is a decision without an index.
func oneByOne(rules []*rule, q Request) (best [3]*rule) {
	for _, r := range rules {
		if r.matches(&q) && r.ahead(best[r.action], &q) {
			best[r.action] = r
		}
	}
	return best
}

// most is how many rules a benchmark has at the most. With -short, which only
// tells that the benchmarks run, it does not wait for what takes seconds to make.
func most(n int) int {
	if testing.Short() {
		return n / 100
	}
	return n
}

func BenchmarkDecide(b *testing.B) {
	for _, s := range shapes {
		for n := 10; n <= most(100_000); n *= 10 {
			b.Run(fmt.Sprintf("differ=%s/rules=%d", s.name, n), func(b *testing.B) {
				rules, requests := s.generate(n, allow, deny, ignore), s.requests(n)
				p := compile("rules.yaml", Enforce, defaultLimits, rules, nil)
				b.Run("indexed", func(b *testing.B) { decideAll(b, p, requests) })
				b.Run("one-by-one", func(b *testing.B) {
					for i := 0; b.Loop(); i++ {
						oneByOne(rules, requests[i%len(requests)])
					}
				})
			})
		}
	}
}

func decideAll(b *testing.B, p *Policy, requests []Request) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Decide(requests[i%len(requests)])
	}
}

// BenchmarkDenies decides against 50,000 denies, where something is unknown.
func BenchmarkDenies(b *testing.B) {
	n := most(50_000)
	for _, s := range shapes {
		p := compile("rules.yaml", Enforce, defaultLimits, s.generate(n, deny), nil)
		for _, request := range []struct {
			name   string
			change func(*Request)
		}{
			{"all-known", func(*Request) {}},
			{"id-unknown", func(q *Request) { q.From = iam.Project{} }},
			{"numbers-unknown", func(q *Request) { q.FromNumber, q.ToNumber = iam.Project{}, iam.Project{} }},
			{"ancestry-unknown", func(q *Request) { q.Above = Ancestry{} }},
			{"to-unknown", func(q *Request) { q.To = iam.Resource{} }},
			{"to-by-number", func(q *Request) { q.To = q.To.Of(project("90%d", 1)) }},
			{"nothing-to-grant", func(q *Request) { *q = Request{Kind: iam.Startup} }},
		} {
			q := known() // which no deny but by what is unknown matches
			request.change(&q)
			b.Run(fmt.Sprintf("differ=%s/%s", s.name, request.name), func(b *testing.B) { decideAll(b, p, []Request{q}) })
		}
	}
}

// BenchmarkDecideLongLists has one rule with long lists.
func BenchmarkDecideLongLists(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		r := shapes[0].generate(1, allow)[0]
		for i := range n {
			r.from = append(r.from, must(parseFrom(fmt.Sprintf("projects/app-%d-*", i))))
		}
		p := compile("rules.yaml", Enforce, defaultLimits, []*rule{r}, nil)
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) { decideAll(b, p, shapes[1].requests(n)) })
	}
}

// largestPolicy is a file of 1 MiB.
func largestPolicy(format, header string) []byte {
	b := []byte(header)
	for i := 0; len(b) < largestFile-500; i++ {
		b = fmt.Appendf(b, format, i)
	}
	return b
}

func BenchmarkParse(b *testing.B) {
	const flow = "- {name: r%[1]d, kinds: [run-image], from: [projects/app-%[1]d], to: [projects/shared/**], members: [cloud-run-agent]}\n"
	const block = "- name: r%[1]d\n  reason: a rule\n  kinds: [run-image]\n  from:\n  - projects/app-%[1]d\n  to: [projects/shared/**]\n  members: [cloud-run-agent]\n"
	covered := "deny:\n" + strings.Repeat("#", 10) + "\n"
	for i := range 1000 {
		covered += fmt.Sprintf("- {name: d%d, from: [projects/evil-%d-*], to: [projects/shared/**]}\n", i, i)
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"ten-rules", append([]byte(header+"allow:\n"), largestPolicy(flow, "")[:110*10]...)},
		{"allows", largestPolicy(flow, header+"allow:\n")},
		{"blocks", largestPolicy(block, header+"allow:\n")},
		{"denies", largestPolicy("- name: r%d\n", header+"deny:\n")},
		{"a-thousand-denies", largestPolicy(flow, header+covered+"allow:\n")},
		{"the-same", largestPolicy("- {name: r%d, kinds: [quota]}\n", header+"deny:\n")},
		{"tests", largestPolicy("- {name: t%d, event: e, expect: {verdict: alert, rule: rule-of-another-name-%[1]d}}\n", header+"deny:\n"+strings.Repeat("", 1)+ruleNames(5000)+"tests:\n")},
	} {
		b.Run(file.name, func(b *testing.B) {
			p, err := Parse("rules.yaml", file.data)
			if err != nil {
				file.data = file.data[:strings.LastIndexByte(string(file.data), '\n')+1]
				if p, err = Parse("rules.yaml", file.data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(file.data)))
			for b.Loop() {
				if _, err := Parse("rules.yaml", file.data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(p.Rules()), "rules")
			b.ReportMetric(float64(len(p.Warnings())), "warnings")
		})
	}
}

func ruleNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- {name: a-rule-with-some-long-name-and-the-number-%d}\n", i)
	}
	return b.String()
}

// BenchmarkCompile also reports what stays in memory: the policy, and not the
// rules that it is made of.
func BenchmarkCompile(b *testing.B) {
	for _, s := range shapes {
		n := most(100_000)
		rules := s.generate(n, allow, deny, ignore)
		b.Run(fmt.Sprintf("rules=%d/differ=%s", n, s.name), func(b *testing.B) {
			b.ReportAllocs()
			before := live()
			var p *Policy
			for b.Loop() {
				p = compile("rules.yaml", Enforce, defaultLimits, rules, nil)
			}
			b.ReportMetric(float64(live()-before)/(1<<20), "live-MB")
			runtime.KeepAlive(p)
		})
	}
}

func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestDecideDoesNotAllocate(t *testing.T) {
	for _, s := range shapes {
		p := compile("rules.yaml", Enforce, defaultLimits, s.generate(1_000, allow), nil)
		for _, q := range s.requests(1_000) {
			if d := p.Decide(q); d.Verdict != Grant {
				t.Fatalf("%s: got %s, want grant: %+v", s.name, d.Reason(), q)
			}
			if n := testing.AllocsPerRun(10, func() { p.Decide(q) }); n != 0 {
				t.Errorf("%s: a decision allocates %v times, want 0", s.name, n)
			}
		}
	}
}
