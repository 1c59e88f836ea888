package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestKnownHost(t *testing.T) {
	for _, c := range []struct{ name, key, want string }{
		{"with a comment", "ssh-ed25519 AAAAC3Nz someone@somewhere else\n", "10.88.1.10 ssh-ed25519 AAAAC3Nz\n"},
		{"without a comment", "ssh-ed25519 AAAAC3Nz\n", "10.88.1.10 ssh-ed25519 AAAAC3Nz\n"},
		{"empty", "", "10.88.1.10\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := knownHost("10.88.1.10", c.key); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestServersAreTold: the engine and the servers must agree on which registries speak plain HTTP.
func TestServersAreTold(t *testing.T) {
	var config struct {
		Mirrors  []string `json:"registry-mirrors"`
		Insecure []string `json:"insecure-registries"`
	}
	if err := json.Unmarshal([]byte(daemonConfig()), &config); err != nil {
		t.Fatal(err)
	}
	if want := []string{"http://10.88.0.1:5000"}; !slices.Equal(config.Mirrors, want) {
		t.Errorf("mirrors %q, want %q", config.Mirrors, want)
	}
	want := []string{"10.88.0.1:5000", "10.88.0.1:5001", "10.88.0.1:5002", "10.88.0.1:5003", "10.88.0.1:5004", "10.88.0.1:5005", "10.88.0.1:5006"}
	if !slices.Equal(config.Insecure, want) {
		t.Errorf("insecure %q, want %q", config.Insecure, want)
	}
}

func TestServersDiffer(t *testing.T) {
	if staging.address == production.address || staging.device() == production.device() {
		t.Errorf("%+v and %+v share an address or a device", staging, production)
	}
	for _, s := range []server{staging, production} {
		if name := s.device(); len(name) > 15 {
			t.Errorf("the kernel takes 15 characters for a device, %q has %d", name, len(name))
		}
	}
}

// TestServerOverlay: overlayfs wants the topmost layer first.
func TestServerOverlay(t *testing.T) {
	l := &lab{dir: "/lab"}
	want := "lowerdir=/lab/roots/server:/lab/base,upperdir=/lab/servers/staging/upper,workdir=/lab/servers/staging/work"
	if got := l.serverOverlay(staging); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServersAreExported(t *testing.T) {
	t.Setenv(runnerHostVariable, "unix:///somebody/else.sock")
	l := &lab{dir: "/lab"}
	var got []string
	for _, kv := range l.environment() {
		if kv[0] != "SLIPWAY_LAB_GITEA_TOKEN" {
			got = append(got, kv[0]+"="+kv[1])
		}
	}
	for _, want := range []string{
		"SLIPWAY_LAB_TOOLS=python=python:3.13-slim,node=node:22-slim,git=alpine/git:v2.49.1,socat=alpine/socat:1.8.0.3,docker=docker:28-dind,trivy=aquasec/trivy:0.70.0",
		"SLIPWAY_LAB_STAGING=deploy@10.88.1.10:22",
		"SLIPWAY_LAB_PRODUCTION=deploy@10.88.1.20:22",
		"SLIPWAY_LAB_SSH_KEY=/lab/ssh/deploy",
		"SLIPWAY_LAB_KNOWN_HOSTS=/lab/ssh/known_hosts",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

func TestUnknownServer(t *testing.T) {
	for _, args := range [][]string{nil, {"staging", "production"}, {"laptop"}} {
		if err := newTestLab(t).runServer(args); err == nil || strings.Contains(err.Error(), "connected") {
			t.Errorf("%q: got %v", args, err)
		}
	}
}

// sleeper is a service that does nothing, and notes the process ids it was started with.
func sleeper(pids *[]int, started error) service {
	return service{
		name:    "sleeper",
		needs:   []string{"layer a"},
		run:     func(*lab) (*exec.Cmd, error) { return exec.Command("sleep", "60"), nil },
		ready:   func(context.Context, *lab) error { return nil },
		started: func(pid int) error { *pids = append(*pids, pid); return started },
	}
}

func writeTestStamp(t *testing.T, l *lab, name, text string) {
	t.Helper()
	if _, err := l.mkdir("stamps"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.path("stamps", name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOutdatedServiceIsStartedAnew: a server stands on folders that a step has replaced beneath it.
func TestOutdatedServiceIsStartedAnew(t *testing.T) {
	l := newTestLab(t)
	var pids []int
	s := sleeper(&pids, nil)
	t.Cleanup(func() {
		if r, up := l.running(s.name); up {
			if err := stop(r); err != nil {
				t.Error(err)
			}
		}
	})
	for n, c := range []struct {
		stamp  string
		starts int
	}{{"1", 1}, {"1", 1}, {"2", 2}, {"2", 2}} {
		writeTestStamp(t, l, "layer a", c.stamp)
		if err := l.start(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		if len(pids) != c.starts {
			t.Fatalf("up %d: started %d times, want %d", n+1, len(pids), c.starts)
		}
	}
	if startTime(pids[0]) != "" {
		t.Error("the outdated process still runs")
	}
	if r, up := l.running(s.name); !up || r.PID != pids[1] {
		t.Errorf("process %d (%v) is remembered, %d was started", r.PID, up, pids[1])
	}
}

// TestHalfStartedServiceIsNotRemembered: the next up must not take a server without a network for a running one.
func TestHalfStartedServiceIsNotRemembered(t *testing.T) {
	l := newTestLab(t)
	var pids []int
	err := l.start(context.Background(), sleeper(&pids, errors.New("no cable")))
	if err == nil || err.Error() != "start sleeper: no cable" {
		t.Errorf("got %v", err)
	}
	if _, up := l.running("sleeper"); up || len(pids) != 1 {
		t.Errorf("running is %v after %d starts", up, len(pids))
	}
}
