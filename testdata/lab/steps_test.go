package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func list(t *testing.T, file string) (entries []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf("%s %c %s", h.Name, h.Typeflag, h.Linkname))
	}
}

// recorder makes steps that note their names.
type recorder struct {
	mu   sync.Mutex
	made []string
}

func (r *recorder) step(name, from string, needs ...string) step {
	return step{name: name, from: from, needs: needs, make: func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.made = append(r.made, name)
		return nil
	}}
}

func TestStepsAreMadeOnce(t *testing.T) {
	l, r := newTestLab(t), &recorder{}
	run := func(want string, steps ...step) {
		t.Helper()
		r.made = nil
		if err := l.runSteps(context.Background(), steps); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.made, " "); got != want {
			t.Errorf("made %q, want %q", got, want)
		}
	}
	run("a b", r.step("a", "1"), r.step("b", "1", "a"))
	run("", r.step("a", "1"), r.step("b", "1", "a"))
	run("b", r.step("a", "1"), r.step("b", "2", "a"))
	run("a b", r.step("a", "2"), r.step("b", "2", "a"))
}

func TestInterruptedStepIsMadeAgain(t *testing.T) {
	l, r := newTestLab(t), &recorder{}
	broken := step{name: "a", make: func(context.Context) error { return errors.New("cut off") }}
	if err := l.runSteps(context.Background(), []step{broken, r.step("b", "", "a")}); err == nil || !strings.Contains(err.Error(), "a: cut off") {
		t.Errorf("got %v", err)
	}
	if err := l.runSteps(context.Background(), []step{r.step("a", ""), r.step("b", "", "a")}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.made, []string{"a", "b"}) {
		t.Errorf("made %q", r.made)
	}
}

func TestRunningIsNotFooledByAnotherProcess(t *testing.T) {
	l := newTestLab(t)
	if _, err := l.mkdir("run"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		fmt.Sprintf(`{"PID":%d,"Start":%q}`, os.Getpid(), startTime(os.Getpid())): true,
		fmt.Sprintf(`{"PID":%d,"Start":"1"}`, os.Getpid()):                        false,
		`{"PID":0}`: false,
		`{`:         false,
	} {
		if err := os.WriteFile(l.path("run", "x.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, up := l.running("x"); up != want {
			t.Errorf("%s: running is %v, want %v", text, up, want)
		}
	}
}

// TestOnlyTestsPayForCosign: it takes minutes to compile, and no other start of the lab needs it.
func TestOnlyTestsPayForCosign(t *testing.T) {
	l := newTestLab(t)
	of := func(make func() ([]step, error)) map[string]step {
		t.Helper()
		steps, err := make()
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]step{}
		for _, s := range steps {
			named[s.name] = s
		}
		return named
	}
	always, own := of(l.steps), of(l.cosignSteps)
	for name, s := range own {
		if _, found := always[name]; found {
			t.Errorf("every start makes %q", name)
		}
		for _, need := range s.needs {
			if _, found := own[need]; !found {
				t.Errorf("%q needs %q, which is not made beside it", name, need)
			}
		}
	}
	if len(own) != 4 {
		t.Errorf("%d steps", len(own))
	}
}

// TestForeignEngineNeedsNoneOfOurs: with an engine of the caller's own, neither Dagger nor what it runs modules in is built.
func TestForeignEngineNeedsNoneOfOurs(t *testing.T) {
	l := newTestLab(t)
	count := func() int {
		t.Helper()
		steps, err := l.steps()
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, s := range steps {
			names[s.name] = true
		}
		for _, s := range steps {
			for _, need := range s.needs {
				if !names[need] {
					t.Errorf("%q needs %q, which is not made", s.name, need)
				}
			}
		}
		return len(steps)
	}
	t.Setenv(runnerHostVariable, "")
	own := count()
	t.Setenv(runnerHostVariable, "unix:///somebody/else.sock")
	if foreign := count(); foreign != own-len(engineSteps) {
		t.Errorf("%d steps, and %d with another engine", own, foreign)
	}
}

// TestEachMinuteSaysWhatIsLeft: a first start takes minutes, in which whoever waits wants to see that it goes on, and where.
func TestEachMinuteSaysWhatIsLeft(t *testing.T) {
	minuteBefore, progressBefore := minute, progress
	t.Cleanup(func() { minute, progress = minuteBefore, progressBefore })
	minute = 50 * time.Millisecond
	said := make(chan string, 1000)
	progress = lines(said)
	l, until := newTestLab(t), make(chan struct{})
	slow := step{name: "compile one", make: func(context.Context) error { <-until; return nil }}
	next := step{name: "compile two", needs: []string{slow.name}, make: func(context.Context) error { return nil }}
	done := make(chan error)
	go func() { done <- l.runSteps(context.Background(), []step{slow, next}) }()
	want := regexp.MustCompile(`^lab \[ +\d+s\] at work: compile one \(\d+s\); left: compile two\n$`)
	for line := range said {
		if want.MatchString(line) {
			break
		}
		if strings.Contains(line, "at work") {
			t.Fatalf("it says %q", line)
		}
	}
	close(until)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// lines passes on what is printed.
type lines chan<- string

func (l lines) Write(text []byte) (int, error) {
	l <- string(text)
	return len(text), nil
}

func TestAtWorkNamesTheLongestFirst(t *testing.T) {
	now := time.Now()
	r := &runner{
		missing: map[string]bool{"compile a": true, "compile b": true, "layer z": true, "layer y": true},
		working: map[string]time.Time{"compile a": now.Add(-40 * time.Second), "compile b": now.Add(-130 * time.Second)},
	}
	if got, want := r.atWork(now), "at work: compile b (2m10s), compile a (40s); left: layer y, layer z"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
