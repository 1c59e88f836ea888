package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// attempt is a run that is killed, and the one after it.
type attempt struct {
	point
	line    *releaseLine
	version numbered
	cmd     *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{}
	mend    func()

	left, second string
	took         time.Duration
	faults       []string
}

func (a *attempt) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// begin releases a new version until the moment has come.
func (l *releaseLine) begin(t *testing.T, p point) *attempt {
	a := &attempt{point: p, line: l, version: l.next(t, p.bump), ended: make(chan struct{}), mend: func() {}}
	moment := make(chan struct{})
	come := sync.OnceFunc(func() { close(moment) })
	if a.shell == "" {
		a.mend = l.services.Fault(a.effect.fault(l.name, a.version, a.after, come))
	} else {
		go a.awaitOnServer(t, come)
	}
	a.cmd = l.command(context.Background(), ".", append([]string{"call", "-m", Module(), "--source=."}, l.call("release", "--version="+a.version.String())...)...)
	a.cmd.Stdout, a.cmd.Stderr = &a.output, &a.output
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.cmd.Wait(); close(a.ended) }()
	select {
	case <-moment:
	case <-a.ended:
		a.fault("the run ended before the moment came:\n%s", lastLines(a.output.String()))
	case <-time.After(callTime):
		a.fault("the moment never came:\n%s", lastLines(a.output.String()))
	}
	return a
}

// awaitOnServer ends when the server shows the moment, or when the run is over.
func (a *attempt) awaitOnServer(t *testing.T, come func()) {
	digest := ""
	for digest == "" && !a.over() {
		time.Sleep(watchEvery)
		digest = Tags(t, a.line.prefix, "backend")[a.version.String()]
	}
	script := fmt.Sprintf("cd %s && set -- %s && timeout 300 sh -c '%s' sh \"$@\"", a.line.server.Dir, digest, strings.ReplaceAll(a.shell, "'", `'\''`))
	if _, err := a.line.server.try(script); err == nil && !a.over() {
		come()
	}
}

func (a *attempt) over() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

var signals = map[killer]syscall.Signal{bySIGINT: syscall.SIGINT, bySIGTERM: syscall.SIGTERM, bySIGKILL: syscall.SIGKILL, byEngine: syscall.SIGKILL}

// kill ends the command line; one whose engine was killed ends by itself, if it is given the time.
func (a *attempt) kill() {
	if a.over() && a.cmd.ProcessState.Success() {
		a.fault("the run had ended before it was killed")
	}
	if a.by == byEngine {
		select {
		case <-a.ended:
		case <-time.After(30 * time.Second):
		}
	}
	if !a.over() {
		a.cmd.Process.Signal(signals[a.by])
	}
	<-a.ended
	time.Sleep(sessionEnd)
	a.mend()
}

// finish runs the same line again, and compares what is there then with what an undisturbed release leaves.
func (a *attempt) finish(t *testing.T) {
	l := a.line
	left := l.observe(t)
	attached := l.attached(t, left, a.version)
	a.left = fmt.Sprintf("statements %d/%d, %s", attached, l.statements, left.left(a.version))
	if left.versioned(a.version) && attached != l.statements {
		a.fault("an image has the version before all have their statements")
	}
	moved := left.tags["backend"][a.version.series()] != "" && left.tags["backend"][a.version.series()] == left.tags["backend"][a.version.String()]
	if moved && !left.runs(a.version) {
		a.fault("floating tags have moved before staging runs the version")
	}
	start := time.Now()
	r := l.release(t, a.version)
	a.took = time.Since(start)
	a.second = outcomeOf(r)
	if r.Code != 0 {
		a.fault("the second run ended with exit code %d:\n%s", r.Code, lastLines(r.Stderr))
	}
	if wrote := l.lasting(start); (len(wrote) == 0) != (a.second == "already-released") {
		a.fault("it says %s and wrote %v", a.second, wrote)
	}
	a.faults = append(a.faults, l.faults(t, l.observe(t), a.version)...)
	if n := l.services.toldOf(l.name, a.version); n != 1 && (n != 0 || !a.mayBeUntold()) {
		a.fault("the team was told %d times", n)
	}
	a.faults = append(a.faults, l.watcher.found()...)
}

// lasting are the requests of this repository that have changed something for good, or told the team: not an upload that
// nothing uses, nor the marks of a run that is under way.
func (l *releaseLine) lasting(since time.Time) (all []string) {
	for _, r := range l.services.Writes() {
		upload := strings.Contains(r.Path, "/blobs/uploads/")
		mark := strings.HasSuffix(r.Path, "/git-receive-pack") && !strings.Contains(r.Body, " refs/tags/")
		own := strings.Contains(r.Path, "/"+l.name)
		if own && !upload && !mark && r.Status < http.StatusBadRequest && r.Time.After(since) {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

func outcomeOf(r Result) string {
	return cmp.Or(strings.TrimPrefix(regexp.MustCompile(`Outcome: \S+`).FindString(r.Output()), "Outcome: "), fmt.Sprintf("exit code %d", r.Code))
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// tell prints the point, and fails the test for what was wrong.
func (a *attempt) tell(t *testing.T) {
	fmt.Printf("%-9s %-6s %-41s left: %s; second run: %s in %.0f s\n", verdict(a.faults), a.by, a.point, a.left, a.second, a.took.Seconds())
	failFor(t, fmt.Sprintf("%s %s (%s %s)", a.by, a.point, a.line.name, a.version), a.faults)
}

func verdict(faults []string) string {
	if len(faults) > 0 {
		return "VIOLATION"
	}
	return "ok"
}

// failFor prints what was wrong as soon as it is known, for whoever waits for the end of the whole.
func failFor(t *testing.T, what string, faults []string) {
	for _, fault := range faults {
		t.Errorf("%s: %s", what, fault)
		fmt.Printf("          %s\n", strings.ReplaceAll(fault, "\n", "\n          "))
	}
}
