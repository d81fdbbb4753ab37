package machine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Split gives the last core to the server, and the others to all else.
func Split() Cores {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Cores{Why: "sched_getaffinity: " + err.Error()}
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	last := len(cores) - 1
	if last < 1 {
		return Cores{Why: "there is one core alone"}
	}
	return Cores{Server: cores[last:], Client: cores[:last]}
}

// Stay keeps this process on the cores of the client.
func (c Cores) Stay() error {
	if c.Client == nil {
		return nil
	}
	runtime.GOMAXPROCS(len(c.Client))
	// A thread takes the cores of the one that makes it. Two looks find what an
	// unpinned one has made meanwhile.
	for range 2 {
		threads, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(filepath.Base(thread))
			if err != nil {
				return err
			}
			if err := pin(id, c.Client); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
	}
	return nil
}

// StartServer starts a process on the server's core.
func (c Cores) StartServer(cmd *exec.Cmd) error {
	if c.Server == nil {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(0, c.Server); err != nil {
		return err
	}
	err := cmd.Start() // takes the cores of this thread
	if back := pin(0, c.Client); err == nil {
		err = back
	}
	return err
}

func pin(thread int, cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(thread, &set))
}

// MemoryOf returns the memory of a process.
func MemoryOf(process int) (m Memory, err error) {
	if m.Resident, err = kilobytes(process, "status", "VmRSS:"); err != nil {
		return m, err
	}
	if m.Peak, err = kilobytes(process, "status", "VmHWM:"); err != nil {
		return m, err
	}
	m.Proportional, err = kilobytes(process, "smaps_rollup", "Pss:")
	return m, err
}

// kilobytes reads a line such as "VmRSS: 1234 kB" (proc(5)).
func kilobytes(process int, file, name string) (int64, error) {
	path := filepath.Join("/proc", strconv.Itoa(process), file)
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("%s: no line %q", path, name)
}

// tick is the unit of times in /proc, which Linux shows alike on all machines
// (proc_pid_stat(5), time(7): USER_HZ).
const tick = time.Second / 100

// TimeOf returns the time that a process has had on cores.
func TimeOf(process int) (time.Duration, error) {
	path := filepath.Join("/proc", strconv.Itoa(process), "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The second field is a name in parentheses, which may hold spaces.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("%s: %q: want 15 fields", path, text)
	}
	var ticks int64
	for _, field := range fields[user : system+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Describe names the machine.
func Describe() string {
	model := "a processor of unknown model"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

// roomy is more than a run leaves behind.
const roomy = 2 << 30

// ScratchFolder is where files lie in memory: to wait for a disk is not what is
// measured. It is "" where there is none, or a small one.
func ScratchFolder() string {
	const inMemory = "/dev/shm"
	var room unix.Statfs_t
	if unix.Access(inMemory, unix.W_OK) != nil || unix.Statfs(inMemory, &room) != nil || room.Bavail*uint64(room.Bsize) < roomy {
		return ""
	}
	return inMemory
}
