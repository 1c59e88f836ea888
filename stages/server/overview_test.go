package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func healthyEntry(version string, day int) Entry {
	return Entry{Kind: Deployed, Ending: Healthy, Version: version, By: "ann", Time: time.Date(2026, 1, day, 3, 4, 5, 0, time.UTC)}
}

func TestReady(t *testing.T) {
	failed, withdrawn := healthyEntry("1.4.0", 4), healthyEntry("1.3.0", 5)
	failed.Ending, withdrawn.Kind = Failed, Withdrawn
	back := healthyEntry("1.1.0", 6)
	back.Kind = RolledBack
	for _, c := range []struct {
		name                string
		staging, production Ledger
		want                []string
	}{
		{"nothing anywhere", nil, nil, nil},
		{"production is empty", Ledger{healthyEntry("1.2.0", 1)}, nil, []string{"1.2.0"}},
		{"the same", Ledger{healthyEntry("1.2.0", 1)}, Ledger{healthyEntry("1.2.0", 2)}, nil},
		{"higher ones, in order, once", Ledger{healthyEntry("1.10.0", 1), healthyEntry("1.9.0", 2), healthyEntry("1.10.0", 3)}, Ledger{healthyEntry("1.2.0", 2)}, []string{"1.9.0", "1.10.0"}},
		{"lower ones", Ledger{healthyEntry("1.1.0", 1)}, Ledger{healthyEntry("1.2.0", 2)}, nil},
		{"prereleases", Ledger{healthyEntry("1.3.0-rc.1", 1)}, Ledger{healthyEntry("1.2.0", 2)}, nil},
		{"one that failed on staging", Ledger{healthyEntry("1.3.0", 1), failed}, Ledger{healthyEntry("1.2.0", 2)}, []string{"1.3.0"}},
		{"one that production has withdrawn", Ledger{healthyEntry("1.3.0", 1), healthyEntry("1.3.1", 2)}, Ledger{healthyEntry("1.3.0", 2), back, withdrawn}, []string{"1.3.1"}},
		{"what was found on production", Ledger{healthyEntry("1.0.0", 1)}, Ledger{healthyEntry(foundRelease, 1)}, []string{"1.0.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Ready(c.staging, c.production); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOverview(t *testing.T) {
	staging := Environment{Name: "staging", Target: Target{"deploy", "staging.example.com", 22, "/opt/app"}}
	production := Environment{Name: "production", Target: Target{"deploy", "www.example.com", 22, "/opt/app"}}
	on := func(e Entry) Status { return Status{Current: e, Deployed: true, Ledger: Ledger{e}} }
	ill := on(healthyEntry("1.2.0", 1))
	ill.Problems = []string{"backend is unhealthy"}
	ill.Services = []Service{{Name: "backend", Drift: "was deployed as r/b@sha256:a"}, {Name: "db"}}
	for _, c := range []struct {
		name string
		seen []Seen
		want string
	}{
		{"both well", []Seen{{staging, on(healthyEntry("1.3.0", 2)), nil}, {production, on(healthyEntry("1.2.0", 1)), nil}}, `
staging     1.3.0  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
production  1.2.0  healthy      since 2026-01-01 03:04:05 UTC  deploy@www.example.com:22/opt/app

ready for production: 1.3.0
`},
		{"not healthy and changed", []Seen{{staging, on(healthyEntry("1.2.0", 2)), nil}, {production, ill, nil}}, `
staging     1.2.0  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
production  1.2.0  NOT HEALTHY  since 2026-01-01 03:04:05 UTC  deploy@www.example.com:22/opt/app
            backend is unhealthy
            DRIFT: backend was deployed as r/b@sha256:a

ready for production: nothing
`},
		{"nothing deployed", []Seen{{staging, on(healthyEntry("1.3.0", 2)), nil}, {production, Status{}, nil}}, `
staging     1.3.0  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
production  nothing was deployed here by Slipway               deploy@www.example.com:22/opt/app

ready for production: 1.3.0
`},
		{"one that cannot be read", []Seen{{staging, on(healthyEntry("1.3.0", 2)), nil}, {production, Status{}, errors.New("no connection to www.example.com:22: refused")}}, `
staging     1.3.0  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
production  NOT READ                                           deploy@www.example.com:22/opt/app
            no connection to www.example.com:22: refused

ready for production: not known, because production was not read
`},
		{"one server only", []Seen{{staging, on(healthyEntry("1.3.0", 2)), nil}}, `
staging     1.3.0  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
`},
		{"a long version", []Seen{{staging, on(healthyEntry("1.3.0-rc.1", 2)), nil}, {production, on(healthyEntry("1.2.0", 1)), nil}}, `
staging     1.3.0-rc.1  healthy      since 2026-01-02 03:04:05 UTC  deploy@staging.example.com:22/opt/app
production  1.2.0       healthy      since 2026-01-01 03:04:05 UTC  deploy@www.example.com:22/opt/app

ready for production: nothing
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Overview(c.seen); got != strings.TrimPrefix(c.want, "\n") {
				t.Errorf("got\n%s\nwant%s", got, c.want)
			}
		})
	}
}

// Two servers, of which one is gone: the other one is shown all the same.
func TestReadAll(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.0.0", behaviour{healthyAfter: 10 * time.Millisecond})
	staging := s.environment()
	if _, err := Deploy(t.Context(), staging, s.release("1.0.0", "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n")); err != nil {
		t.Fatal(err)
	}
	_, production := near(t)
	production.Name, production.Target.Port = "production", deafPort
	seen := ReadAll(t.Context(), staging, production)
	if len(seen) != 2 || seen[0].Err != nil || seen[0].Status.Current.Version != "1.0.0" || !strings.HasPrefix(message(seen[1].Err), "no connection to ") {
		t.Errorf("got %+v", seen)
	}
}
