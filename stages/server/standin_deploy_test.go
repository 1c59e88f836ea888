package server

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

const shopCompose = `
services:
  backend:
    image: ${REGISTRY}/backend:${VERSION}
    restart: unless-stopped
    depends_on:
      db: {condition: service_healthy}
  migrate:
    image: ${REGISTRY}/backend:${VERSION}
    command: [migrate]
    depends_on: [db]
  db:
    image: postgres:17
    restart: always
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
`

// shop is a server with the images of 1.0.0 in reach, and 1.0.0 on it if it was deployed.
func shop(t *testing.T, deployed bool) *server {
	t.Helper()
	s := standIn(t)
	s.public("postgres:17", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
	s.image("backend", "1.0.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true}).service("migrate", migration("one"))
	if deployed {
		if _, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", shopCompose)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// migration makes a table, once.
func migration(name string) behaviour {
	return behaviour{work: func(db *database) (string, int) {
		if !slices.Contains(db.schema, table(name)) {
			db.schema = append(db.schema, table(name))
		}
		return "migrated " + name + "\n", 0
	}}
}

func wantRunning(t *testing.T, s *server, want map[string]string) {
	t.Helper()
	if got := s.running(); !maps.Equal(got, want) {
		t.Errorf("running: got %v, want %v", got, want)
	}
}

func TestDeployFirst(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	result, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", shopCompose))
	if err != nil || result.Version != "1.0.0" || result.Previous != "" {
		t.Fatalf("got %+v, %v", result, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
	if !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("schema: got %q", s.schema())
	}
	status, err := Read(t.Context(), s.environment())
	if err != nil || len(status.Problems) > 0 || len(status.Services) != 2 {
		t.Errorf("status: got %+v, %v", status, err)
	}
	again, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", shopCompose))
	if err != nil || !again.Already {
		t.Errorf("again: got %+v, %v", again, err)
	}
}

func TestDeployUpgradeAndRollback(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("two"))
	if p, err := Preflight(t.Context(), s.environment(), s.release("1.1.0", shopCompose)); err != nil || len(p.Services) != 2 || !slices.Equal(p.Beside, []string{"backend"}) {
		t.Errorf("preflight: got %+v, %v", p, err)
	}
	result, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	if err != nil || result.Previous != "1.0.0" || result.Backup == "" {
		t.Fatalf("got %+v, %v", result, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:17"})
	back := s.back("1.0.0")
	back.Database = Recorded
	rolled, err := Rollback(t.Context(), s.environment(), back)
	if err != nil || rolled.Version != "1.0.0" || rolled.Left != "1.1.0" {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
	if !slices.Equal(s.schema(), []string{table("one")}) {
		t.Errorf("schema: got %q", s.schema())
	}
}

func TestDeployNeverHealthy(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{unhealthyAfter: 30 * time.Millisecond, log: "no such module\n"}).service("migrate", migration("two"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	f := new(Failure)
	if !errors.As(err, &f) || f.State != Kept || !strings.Contains(err.Error(), "backend is unhealthy") || !strings.Contains(f.Logs, "no such module") {
		t.Fatalf("got %+v, %v", f, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
}

func TestDeployCut(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("two"))
	s.on("compose up", cut())
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", shopCompose))
	f := new(Failure)
	if !errors.As(err, &f) || !errors.Is(err, errLost) {
		t.Fatalf("got %+v, %v", f, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
}

// TestNoDowngrade: two deployments that wait for the server's lock end with the higher version, in whichever order they get it.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "0.9.0", behaviour{healthyAfter: 20 * time.Millisecond, writes: true})
	before := s.running()
	_, err := Deploy(t.Context(), s.environment(), s.release("0.9.0", shopCompose))
	var f *Failure
	if !errors.As(err, &f) || f.State != Untouched || !strings.Contains(f.Error(), "runs 1.0.0, which is higher than 0.9.0") {
		t.Errorf("got %v", err)
	}
	wantRunning(t, s, before)
}
