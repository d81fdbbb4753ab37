package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// sample is how much an instance has at one time.
type sample struct {
	Goroutines int `json:"goroutines"`
	Heap       int `json:"heap"` // bytes in use after a collection
	resident   int // bytes of memory
}

const betweenSamples = 5 * time.Second

// soak is a run of one instance, without kills, at a steady rate.
type soak struct {
	*run
	rate    int // events a second
	samples []sample
}

// soaked makes the run.
func soaked(ctx context.Context, p plan, rate int, out io.Writer) (*soak, error) {
	address, err := free(ctx)
	if err != nil {
		return nil, err
	}
	s := &soak{run: &run{plan: p, said: said{errors: map[string]int{}}}, rate: rate}
	return s, s.whole(ctx, []string{"STATS=" + address}, func(playing context.Context) {
		s.queue.allow(0)
		go s.show(playing, out)
		go s.pace(playing)
		go s.sample(playing, address)
	})
}

// pace publishes as many messages as are due.
func (s *soak) pace(ctx context.Context) {
	const every = 50 * time.Millisecond
	for pause(ctx, every) == nil {
		s.queue.allow(int(time.Since(s.began).Seconds() * float64(s.rate)))
	}
}

// sample asks the instance how much it has, as long as there is load.
func (s *soak) sample(ctx context.Context, address string) {
	for pause(ctx, betweenSamples) == nil {
		one, err := s.ask(ctx, address)
		if err == nil {
			s.samples = append(s.samples, one)
		}
	}
}

func (s *soak) ask(ctx context.Context, address string) (one sample, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, http.NoBody)
	if err != nil {
		return one, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return one, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&one); err != nil {
		return one, err
	}
	one.resident, err = resident(s.fleet[0].pid())
	return one, err
}

// resident is the memory of a process, as Linux tells it
// (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html).
func resident(pid int) (bytesOf int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "VmRSS:" {
			kib, err := strconv.Atoi(string(fields[1]))
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status: no VmRSS", pid)
}

// grows is how much more the last third of a soak may have than the second at the
// most: the first third warms up.
const grows = 1.1

// measure is one of the things that must not grow.
type measure struct {
	name string
	unit int
	of   func(sample) int
}

var measures = []measure{
	{"goroutines", 1, func(s sample) int { return s.Goroutines }},
	{"heap in use, KiB", 1 << 10, func(s sample) int { return s.Heap }},
	{"resident memory, KiB", 1 << 10, func(s sample) int { return s.resident }},
}

// most is the most of what is measured in each third.
func (m measure) most(samples []sample) (thirds [3]int) {
	n := len(samples)
	for k := range thirds {
		for _, s := range samples[n*k/3 : n*(k+1)/3] {
			thirds[k] = max(thirds[k], m.of(s))
		}
	}
	return thirds
}

func (m measure) flat(samples []sample) bool {
	thirds := m.most(samples)
	return float64(thirds[2]) <= grows*float64(thirds[1])
}

// flat reports whether nothing grows.
func (s *soak) flat() bool {
	return len(s.samples) >= 3 && !slices.ContainsFunc(measures, func(m measure) bool { return !m.flat(s.samples) })
}

func (s *soak) report(out io.Writer) error {
	if err := s.run.report(out); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nmost of %d samples\tfirst third\tsecond\tlast\tflat\n", len(s.samples))
	for _, m := range measures {
		thirds := m.most(s.samples)
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%t\n", m.name, thirds[0]/m.unit, thirds[1]/m.unit, thirds[2]/m.unit, m.flat(s.samples))
	}
	return t.Flush()
}
