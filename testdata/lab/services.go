package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A service is a program that up starts and down stops.
type service struct {
	name  string
	where string
	run   func(*lab) (*exec.Cmd, error)
	ready func(context.Context, *lab) error

	needs   []string            // steps whose new results mean a new start
	started func(pid int) error // what is left to do around the new process
}

var (
	stagingService    = staging.service()
	productionService = production.service()

	services = []service{registryService, giteaService, stagingService, productionService, engineService}
)

var registryService = service{
	name:  "registry",
	where: "http://" + registryHost,
	run: func(l *lab) (*exec.Cmd, error) {
		data, err := l.mkdir("registry")
		if err != nil {
			return nil, err
		}
		config := l.path("registry.yml")
		text := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: %q}\n", data, registryHost)
		return exec.Command(l.path("bin", "registry"), "serve", config), os.WriteFile(config, []byte(text), 0o644)
	},
	ready: func(ctx context.Context, _ *lab) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+registryHost+"/v2/", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	},
}

// A running service is remembered by process id and start time: the id alone may be another's by now.
type running struct {
	PID   int
	Start string // in clock ticks since boot, from /proc
	Since time.Time
	From  string // the stamps of the steps it needs
}

func (l *lab) running(name string) (running, bool) {
	var r running
	data, err := os.ReadFile(l.path("run", name+".json"))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return running{}, false
	}
	return r, startTime(r.PID) == r.Start && r.Start != ""
}

// startTime is field 22 of /proc/PID/stat, and empty for a process that is gone.
func startTime(pid int) string {
	fields := statFields(pid)
	if fields == nil || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// statFields are those of /proc/PID/stat from the third on: the second is a name, which may have spaces in it.
func statFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return nil
	}
	return fields
}

// answerTime is how long a service may take until it answers. It takes seconds on a machine with nothing else to do, minutes on
// a busy one, and a service that ends, or does nothing any more, is seen before.
const answerTime = time.Hour

// start brings a service up and waits until it answers.
func (l *lab) start(ctx context.Context, s service) error {
	r, up := l.running(s.name)
	if up && r.From != l.madeBy(s.needs) {
		if err := stop(r); err != nil {
			return fmt.Errorf("stop the outdated %s: %w", s.name, err)
		}
		up = false
	}
	if !up {
		if err := l.launch(s); err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
	}
	return l.wait(ctx, s)
}

// wait asks a service until it answers. Once a minute it says what it hears.
func (l *lab) wait(ctx context.Context, s service) error {
	r, _ := l.running(s.name)
	log := l.path("logs", s.name+".log")
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("it has not answered for %s", answerTime))
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go newWatch(r.PID, log, silence).cancelSilent(ctx, end)
	for heard := time.Now(); ; {
		asked, cancel := context.WithTimeout(ctx, silence)
		err := s.ready(asked, l)
		cancel()
		if err == nil {
			return nil
		}
		if _, up := l.running(s.name); !up {
			time.Sleep(100 * time.Millisecond) // until its log says how
			return fmt.Errorf("%s has ended; the end of its log:\n%s", s.name, tail(log, 20))
		}
		if time.Since(heard) >= minute {
			heard = time.Now()
			progressf("%s does not answer yet: %v", s.name, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s (%w): %w; the end of its log:\n%s", s.name, s.where, context.Cause(ctx), err, tail(log, 20))
		}
	}
}

func (l *lab) launch(s service) error {
	for _, dir := range []string{"run", "logs"} {
		if _, err := l.mkdir(dir); err != nil {
			return err
		}
	}
	cmd, err := s.run(l)
	if err != nil {
		return err
	}
	log, err := os.Create(l.path("logs", s.name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true // it outlives this program and its terminal
	if err := cmd.Start(); err != nil {
		return err
	}
	progressf("%s started, process %d", s.name, cmd.Process.Pid)
	r := running{PID: cmd.Process.Pid, Start: startTime(cmd.Process.Pid), Since: time.Now().Truncate(time.Second), From: l.madeBy(s.needs)}
	go func() {
		_ = cmd.Wait() // so that a service that ends at once is seen as gone, not as a zombie
		noteEnd(l.path("logs", s.name+".log"), cmd.ProcessState)
	}()
	if s.started != nil {
		if err := s.started(r.PID); err != nil {
			return errors.Join(err, cmd.Process.Kill())
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(l.path("run", s.name+".json"), data, 0o644)
}

// noteEnd says how a service has ended where its last words stand, of which there may be none.
func noteEnd(log string, how *os.ProcessState) {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "the process has ended: %s\n", how)
}

// down stops what up started, the last first.
func (l *lab) down() error {
	for _, s := range slices.Backward(services) {
		if r, up := l.running(s.name); up {
			if err := stop(r); err != nil {
				return fmt.Errorf("stop %s: %w", s.name, err)
			}
			progressf("%s stopped", s.name)
		}
		os.Remove(l.path("run", s.name+".json"))
	}
	return removeAddress()
}

func stop(r running) error {
	if err := unix.Kill(r.PID, unix.SIGTERM); err != nil {
		return err
	}
	if r.ended() {
		return nil
	}
	return unix.Kill(r.PID, unix.SIGKILL)
}

// ended waits for a process that was told to end, and says whether it did.
func (r running) ended() bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if startTime(r.PID) != r.Start {
			return true
		}
	}
	return false
}

func (l *lab) status() error {
	fmt.Printf("%-10s %-8s %-8s %-20s %s\n", "SERVICE", "STATE", "PROCESS", "SINCE", "WHERE")
	for _, s := range services {
		state, pid, since, where := "stopped", "-", "-", s.where
		if r, up := l.running(s.name); up {
			state, pid, since = "running", fmt.Sprint(r.PID), r.Since.Format(time.DateTime)
		}
		if s.name == engineService.name {
			where = l.engineAddress()
		}
		fmt.Printf("%-10s %-8s %-8s %-20s %s\n", s.name, state, pid, since, where)
	}
	fmt.Println("\nkept in", l.dir)
	return nil
}

func (l *lab) logs(args []string) error {
	entries, err := os.ReadDir(l.path("logs"))
	if err != nil {
		return errors.New("no logs yet: run up first")
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".log"))
	}
	if len(args) != 1 || !slices.Contains(names, args[0]) {
		return fmt.Errorf("logs takes one of: %s", strings.Join(names, ", "))
	}
	data, err := os.ReadFile(l.path("logs", args[0]+".log"))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(data)
	return err
}
