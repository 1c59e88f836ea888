package stages

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/server"
)

// list is a forge's list of deployments.
type list struct {
	says           []string
	noBegin, noEnd error
}

func (l *list) BeginDeployment(_ context.Context, d forge.Deployment) (forge.Deployment, error) {
	l.says = append(l.says, "begin "+d.Environment+" "+d.Tag+" "+d.Page)
	return d, l.noBegin
}

func (l *list) EndDeployment(ctx context.Context, d forge.Deployment, healthy bool) error {
	if healthy {
		l.says = append(l.says, "healthy "+d.Tag)
	} else {
		l.says = append(l.says, "failed "+d.Tag)
	}
	return errors.Join(l.noEnd, ctx.Err())
}

// TestListing: the list follows the deployment, and never decides about it.
func TestListing(t *testing.T) {
	down, unhealthy := errors.New("the forge is down"), &server.Failure{State: server.Restored}
	for _, c := range []struct {
		name     string
		list     *list
		begins   bool
		err      error
		want     string
		warnings int
	}{
		{"healthy", &list{}, true, nil, "begin production v1.2.3 https://www.example.com:8443; healthy v1.2.3", 0},
		{"failed", &list{}, true, unhealthy, "begin production v1.2.3 https://www.example.com:8443; failed v1.2.3", 0},
		{"healthy, and the ledger does not say so", &list{}, true, &server.Failure{State: server.Unrecorded}, "begin production v1.2.3 https://www.example.com:8443; healthy v1.2.3", 0},
		{"refused, or there already", &list{}, false, nil, "", 0},
		{"not taken at the beginning", &list{noBegin: down}, true, nil, "begin production v1.2.3 https://www.example.com:8443", 1},
		{"not taken at the end", &list{noEnd: down}, true, unhealthy, "begin production v1.2.3 https://www.example.com:8443; failed v1.2.3", 1},
		{"a forge without a list", nil, true, nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.3")
			r.found.refs = gitremote.Refs{Of: map[string]string{"refs/tags/v1.2.3": "this"}}
			e := environment{name: production, healthURL: "https://www.example.com:8443/health?full=1"}
			l := &listing{next: func(v, commit string) forge.Deployment { return r.listedAs(e, v, commit, "") }}
			if c.list != nil {
				l.recorder = c.list
			}
			ctx, cancel := context.WithCancel(t.Context())
			if c.begins {
				l.begin(ctx, "1.2.3", "this")
			}
			cancel() // the caller's time may be over
			figures := l.end(ctx, c.err)
			if c.list != nil && strings.Join(c.list.says, "; ") != c.want {
				t.Errorf("got %q, want %q", c.list.says, c.want)
			}
			if len(figures) != c.warnings || c.warnings > 0 && !strings.HasPrefix(figures[0], "warning: the forge does not list the deployment as it is: the forge is down") {
				t.Errorf("figures: %q", figures)
			}
		})
	}
}

func TestListedAs(t *testing.T) {
	r := prefixed(t, "shop-v", "1.2.3")
	r.found.refs, r.actor = gitremote.Refs{Default: "main", Of: map[string]string{"refs/tags/shop-v1.2.3": "this"}}, "ann"
	got := r.listedAs(environment{name: staging}, "1.2.3", "this", "https://ci.example/7")
	want := forge.Deployment{Environment: "staging", Tag: "shop-v1.2.3", Branch: "main", Commit: "this", Run: "https://ci.example/7", About: "1.2.3 by ann"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got = r.listedAs(environment{name: production}, "1.2.4", "this", ""); got.Tag != "" || !got.Production {
		t.Errorf("a version without a tag: %+v", got)
	}
}
