package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// silence is how long a program may do nothing, neither print nor compute. There is no limit on its whole time: a slow or
// busy machine takes any time for the same work.
var silence = 5 * time.Minute

// A job is a command whose output goes to a file under logs/.
type job struct {
	log  string
	dir  string
	env  []string
	args []string
}

// runJob runs a job and its children, and quotes the end of its output when it fails.
func (l *lab) runJob(ctx context.Context, j job) error {
	logs, err := l.mkdir("logs")
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(logs, j.log+".log"))
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, j.args[0], j.args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = j.dir, f, f
	cmd.Env = append(append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"), j.env...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	go newWatch(cmd.Process.Pid, f.Name(), silence).cancelSilent(ctx, cancel)
	if err := cmd.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s failed (%w); the end of %s:\n%s", j.args[0], err, f.Name(), tail(f.Name(), 20))
	}
	return nil
}

// output is what a program answers at once; an error quotes what it says of that.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}

func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// A watch sees whether a program and its children do anything.
type watch struct {
	session int // of processes
	log     string
	limit   time.Duration
	size    int64
	ticks   int
	since   time.Time // it was last seen doing something
}

func newWatch(session int, log string, limit time.Duration) *watch {
	return &watch{session: session, log: log, limit: limit, size: fileSize(log), ticks: sessionTicks(session), since: time.Now()}
}

func fileSize(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// silent says whether the program has done nothing for the whole limit. What waits for an answer that never comes wakes up
// now and then, so a three hundredth of the time is not called work.
func (w *watch) silent() bool {
	size, ticks := fileSize(w.log), sessionTicks(w.session)
	work := max(1, int(w.limit/(300*tick)))
	if size != w.size || ticks < w.ticks /* a child has ended */ || ticks >= w.ticks+work {
		w.size, w.ticks, w.since = size, ticks, time.Now()
	}
	return time.Since(w.since) >= w.limit
}

// cancelSilent ends a program that does nothing any more.
func (w *watch) cancelSilent(ctx context.Context, cancel context.CancelCauseFunc) {
	every := time.NewTicker(w.limit / 50)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if w.silent() {
				cancel(fmt.Errorf("it has printed nothing and computed nothing for %s", w.limit))
			}
		}
	}
}

// tick is the unit of /proc/PID/stat.
const tick = 10 * time.Millisecond

// sessionTicks is the processor time of a session's processes and of their children that have ended.
func sessionTicks(session int) (ticks int) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		fields := statFields(pid)
		if fields == nil || fields[3] != strconv.Itoa(session) {
			continue
		}
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.Atoi(field)
			ticks += n
		}
	}
	return ticks
}
