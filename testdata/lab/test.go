package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// testSites is what the names of the tests' folders on the servers begin with.
const testSites = "e2e-"

// test runs Slipway's own tests: first what needs nothing but Go, so that most faults show within minutes, then with
// everything real in reach what was skipped before. A pattern runs the tests of that name, and nothing else.
func (l *lab) test(ctx context.Context, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("test takes one pattern of tests' names, found %q", strings.Join(args, " "))
	}
	if len(args) == 1 {
		return l.testInLab(ctx, args[0])
	}
	rest, err := l.testPlain(ctx)
	if err != nil || len(rest) == 0 {
		return err
	}
	return l.testInLab(ctx, "^("+strings.Join(rest, "|")+")$")
}

// testPlain runs what needs no lab, and returns the names of the tests that were skipped without one.
func (l *lab) testPlain(ctx context.Context) (skipped []string, err error) {
	env := withoutLab(os.Environ())
	progressf("go vet ./...")
	if err := runShown(ctx, l.repo, env, "go", "vet", "./..."); err != nil {
		return nil, err
	}
	progressf("the tests that need no lab")
	events, err := l.runTests(ctx, env, "pkgname", "-parallel=4")
	return skippedTests(events), err
}

// withoutLab is an environment in which tests that need the lab are skipped.
func withoutLab(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "CI" || name == runnerHostVariable || strings.HasPrefix(name, "SLIPWAY_LAB_") && name != "SLIPWAY_LAB_DIR"
	})
}

// testInLab runs the tests of a name with everything real in reach. They are counted, because go would repeat an old verdict:
// it does not see the files that the engine reads. One package at a time, because then each test shows as it ends. Three tests
// beside each other keep two cores busy; those that deploy are two at most.
func (l *lab) testInLab(ctx context.Context, pattern string) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	if err := l.cosign(ctx); err != nil {
		return err
	}
	if err := l.sweep(ctx, testSites); err != nil {
		return err
	}
	progressf("the tests in the lab")
	_, err := l.runTests(ctx, l.environ(), "testname", "-run="+pattern, "-count=1", "-p=1", "-parallel=3", "-timeout=80m")
	return err
}

// testEvent is how a test ended, or a package where no test is named, as `go test -json` tells it.
type testEvent struct {
	Action, Package, Test string
	Elapsed               float64 // seconds
}

// runTests runs tests by gotestsum, which ends with what failed, and says what took long.
func (l *lab) runTests(ctx context.Context, env []string, format string, flags ...string) ([]testEvent, error) {
	dir, err := os.MkdirTemp("", "slipway-tests-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "events.json")
	args := []string{"tool", "-modfile=" + filepath.Join(l.tool("gotestsum"), "go.mod"), "gotestsum", "--format=" + format,
		"--hide-summary=skipped", "--jsonfile-timing-events=" + file, "--"}
	failed := runShown(ctx, l.repo, env, "go", append(append(args, flags...), "./...")...)
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	events, err := readEvents(data)
	fmt.Fprint(os.Stderr, slowest(events))
	return events, errors.Join(failed, err)
}

func readEvents(data []byte) (events []testEvent, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for decoder.More() {
		var e testEvent
		if err := decoder.Decode(&e); err != nil {
			return nil, fmt.Errorf("read gotestsum's events: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// skippedTests are the names of tests that were skipped, or of which a part was.
func skippedTests(events []testEvent) []string {
	names := map[string]bool{}
	for _, e := range events {
		if name, _, _ := strings.Cut(e.Test, "/"); e.Action == "skip" && name != "" {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// What is worth a line in the summary.
const (
	slowPackage = 5 * time.Second
	slowTest    = 20 * time.Second
)

// slowest names the packages and the tests that took long, the longest first.
func slowest(events []testEvent) string {
	var packages, tests strings.Builder
	longest := func(a, b testEvent) int { return cmp.Compare(b.Elapsed, a.Elapsed) }
	for _, e := range slices.SortedStableFunc(slices.Values(events), longest) {
		took := time.Duration(e.Elapsed * float64(time.Second)).Round(time.Second)
		switch {
		case e.Test == "" && took >= slowPackage:
			fmt.Fprintf(&packages, "%8s  %s\n", took, path.Base(e.Package))
		case e.Test != "" && !strings.Contains(e.Test, "/") && took >= slowTest:
			fmt.Fprintf(&tests, "%8s  %s\n", took, e.Test)
		}
	}
	return fmt.Sprintf("\nPackages of %s and more:\n%s\nTests of %s and more:\n%s", slowPackage, packages.String(), slowTest, tests.String())
}
