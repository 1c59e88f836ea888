package server

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// running is a container of the service api that has been up for a minute, on the image that was asked for.
func running(changes ...func(*container)) container {
	c := container{ID: "c1", Image: "sha256:local"}
	c.Config.Image = "r/b:1"
	c.Config.Labels = map[string]string{"com.docker.compose.service": "api"}
	c.State.Status, c.State.Started = "running", now.Add(-time.Minute).Format(time.RFC3339Nano)
	for _, change := range changes {
		change(&c)
	}
	return c
}

func status(s string, code int) func(*container) {
	return func(c *container) { c.State.Status, c.State.ExitCode = s, code }
}

func health(s string) func(*container) {
	return func(c *container) { c.State.Health = &struct{ Status string }{s} }
}

func image(id string) func(*container) { return func(c *container) { c.Image = id } }

func trial(c *container) {
	c.Name, c.Config.Labels = "/slipway-trial-shop-api", map[string]string{"com.docker.compose.service": "api", "com.docker.compose.oneoff": "True"}
}

func restarted(n int) func(*container) { return func(c *container) { c.RestartCount = n } }

func up(d time.Duration) func(*container) {
	return func(c *container) { c.State.Started = now.Add(-d).Format(time.RFC3339Nano) }
}

func serving(service string) func(*container) {
	return func(c *container) { c.Config.Labels = map[string]string{"com.docker.compose.service": service} }
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name       string
		containers []container
		ends       bool
		toEnd      bool
		seen       map[string]int
		fatal, yet []string
	}{
		{name: "no container", yet: []string{"api has no container"}},
		{name: "container of another service", containers: []container{running(serving("db"))}, yet: []string{"api has no container"}},
		{name: "running", containers: []container{running()}},
		{name: "running for just long enough", containers: []container{running(up(10 * time.Second))}},
		{name: "young", containers: []container{running(up(9999 * time.Millisecond))}, yet: []string{"api runs for less than 10s"}},
		{name: "young but healthy", containers: []container{running(up(4999*time.Millisecond), health("healthy"))}, yet: []string{"api runs for less than 5s"}},
		{name: "healthy for just long enough", containers: []container{running(up(5*time.Second), health("healthy"))}},
		{name: "young but healthy, on trial", containers: []container{running(up(time.Second), health("healthy"), trial)}},
		{name: "young without a health check, on trial", containers: []container{running(up(time.Second), trial)}, yet: []string{"api runs for less than 10s"}},
		{name: "started at no time", containers: []container{running(func(c *container) { c.State.Started = "never" })}, yet: []string{"api runs for less than 10s"}},
		{name: "healthy", containers: []container{running(health("healthy"))}},
		{name: "starting", containers: []container{running(health("starting"))}, yet: []string{"api is starting"}},
		{name: "starting, on trial", containers: []container{running(health("starting"), trial)}, yet: []string{"api is starting"}},
		{name: "unhealthy", containers: []container{running(health("unhealthy"))}, fatal: []string{"api is unhealthy"}},
		{name: "wrong digest", containers: []container{running(image("sha256:old"))}, fatal: []string{"api runs r/b:1, not r/b@sha256:new"}},
		{name: "unknown image", containers: []container{running(image("sha256:gone"))}, fatal: []string{"api runs r/b:1, not r/b@sha256:new"}},
		{name: "wrong digest that has ended well", ends: true, containers: []container{running(image("sha256:old"), status("exited", 0))}, fatal: []string{"api runs r/b:1, not r/b@sha256:new"}},
		{name: "one-shot that has ended well", ends: true, containers: []container{running(status("exited", 0))}},
		{name: "one-shot at work that has to end", ends: true, toEnd: true, containers: []container{running()}, yet: []string{"api has not ended yet"}},
		{name: "one-shot at work that was before", ends: true, containers: []container{running()}},
		{name: "young one-shot that was before", ends: true, containers: []container{running(up(9 * time.Second))}, yet: []string{"api runs for less than 10s"}},
		{name: "one-shot with the image's health check", ends: true, toEnd: true, containers: []container{running(health("unhealthy"))}, yet: []string{"api has not ended yet"}},
		{name: "one-shot with the image's health check that was before", ends: true, containers: []container{running(health("unhealthy"))}},
		{name: "one-shot that is tried again", ends: true, toEnd: true, containers: []container{running(restarted(3))}, seen: map[string]int{"c1": 2}, yet: []string{"api ends again after each start"}},
		{name: "one-shot of before that somebody has removed", ends: true},
		{name: "one-shot without a container", ends: true, toEnd: true, yet: []string{"api has no container"}},
		{name: "no one-shot, so it has not to end", toEnd: true, containers: []container{running()}},
		{name: "ended well and not meant to", containers: []container{running(status("exited", 0))}, fatal: []string{`api has ended with exit code 0 (if it is meant to end, label it slipway.one-shot: "true")`}},
		{name: "one-shot that has failed", ends: true, containers: []container{running(status("exited", 3))}, fatal: []string{"api has ended with exit code 3"}},
		{name: "long-running that has failed", containers: []container{running(status("exited", 1))}, fatal: []string{"api has ended with exit code 1"}},
		{name: "dead", ends: true, containers: []container{running(status("dead", 1))}, fatal: []string{"api has ended with exit code 1"}},
		{name: "created", containers: []container{running(status("created", 0))}, yet: []string{"api is created"}},
		{name: "paused", containers: []container{running(status("paused", 0))}, yet: []string{"api is paused"}},
		{name: "restarting at the first look", containers: []container{running(status("restarting", 1), restarted(2))}, seen: map[string]int{"c1": 2}, yet: []string{"api is restarting"}},
		{name: "restarted since the first look", containers: []container{running(restarted(3), status("running", 1))}, seen: map[string]int{"c1": 2}, fatal: []string{"api ends again after each start"}},
		{name: "restarted before the first look only", containers: []container{running(restarted(2))}, seen: map[string]int{"c1": 2}},
		{name: "restarted, not there at the first look", containers: []container{running(restarted(1))}, seen: map[string]int{"c0": 5}, fatal: []string{"api ends again after each start"}},
		{name: "one of two is bad", containers: []container{running(), running(health("unhealthy"))}, fatal: []string{"api is unhealthy"}},
		{name: "all that is bad", containers: []container{running(health("unhealthy")), running(status("created", 0))}, fatal: []string{"api is unhealthy"}, yet: []string{"api is created"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := look{
				at: now, containers: c.containers, pins: map[string]string{"api": "r/b@sha256:new"}, restarts: c.seen,
				services: map[string]service{"api": {ends: c.ends}},
				digests:  map[string][]string{"sha256:local": {"mirror/b@sha256:new", "r/b@sha256:new"}, "sha256:old": {"r/b@sha256:old"}},
			}
			if c.toEnd {
				l.ends = func(container) bool { return true }
			}
			v := l.judge()
			if !slices.Equal(v.fatal, c.fatal) || !slices.Equal(v.yet, c.yet) || v.good() != (len(c.fatal)+len(c.yet) == 0) {
				t.Errorf("got %q and %q, good: %t, want %q and %q", v.fatal, v.yet, v.good(), c.fatal, c.yet)
			}
		})
	}
}

func TestJudgeOthersImages(t *testing.T) {
	l := look{at: now, containers: []container{running(serving("db"), image("sha256:any"), health("healthy"), up(time.Second))}, services: map[string]service{"db": {}, "web": {}}}
	if got, want := l.judge().bad(), []string{"web has no container"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q: an image that is not ours may be any", got, want)
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		name string
		of   container
		want Service
	}{
		{"as deployed", running(), Service{Name: "api", Image: "r/b@sha256:new", State: "running", Since: now.Add(-time.Minute)}},
		{"with a health check", running(health("healthy")), Service{Name: "api", Image: "r/b@sha256:new", State: "healthy", Since: now.Add(-time.Minute)}},
		{"another digest", running(image("sha256:old")), Service{Name: "api", Image: "r/b@sha256:old", State: "running", Since: now.Add(-time.Minute), Drift: "was deployed as r/b@sha256:new"}},
		{"image that is gone", running(image("sha256:gone")), Service{Name: "api", Image: "r/b:1", State: "running", Since: now.Add(-time.Minute), Drift: "was deployed as r/b@sha256:new"}},
		{"unknown service", running(serving("x")), Service{Name: "x", Image: "r/b@sha256:new", State: "running", Since: now.Add(-time.Minute), Drift: "is no service of the release"}},
		{"migration that has ended", running(serving("migrate"), status("exited", 0)), Service{Name: "migrate", Image: "r/b@sha256:new", State: "exited", Since: now.Add(-time.Minute)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := look{pins: map[string]string{"api": "r/b@sha256:new"}, services: map[string]service{"api": {}},
				digests: map[string][]string{"sha256:local": {"r/b@sha256:new"}, "sha256:old": {"r/b@sha256:old"}}}
			if got := l.describe(c.of); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"alone", "1.2.3", true},
		{"with a line feed", "1.2.3\r\n", true},
		{"longer version", "1.2.30", false},
		{"longer version before it", "11.2.3", false},
		{"prerelease of it", "1.2.3-rc.1", false},
		{"build of it", "1.2.3.4", false},
		{"both", "1.2.30, 1.2.3", true},
		{"JSON", `{"name":"shop","version":"1.2.3"}`, true},
		{"JSON of another", `{"name":"shop","version":"1.2.30"}`, false},
		{"JSON list", `["1.2.2","1.2.3"]`, true},
		{"HTML", "<html><body><p>Version:<b>1.2.3</b></p></body></html>", true},
		{"HTML attribute", `<meta name='version' content='1.2.3'>`, true},
		{"HTML of another", "<b>1.2.30</b>", false},
		{"sentence", "shop 1.2.3 (abc)", true},
		{"nothing", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mentions(c.text, "1.2.3"); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/version":
			w.Write([]byte(`{"version":"1.2.3"}`))
		case "/older":
			w.Write([]byte("{\"version\":\n \"1.2.2\"}\x1b[2J"))
		case "/long":
			w.Write([]byte(strings.Repeat("é", 201)))
		default:
			http.Error(w, "1.2.3", http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	for _, c := range []struct {
		name, health, version string
		want                  []string
	}{
		{"nothing is asked", "", "", nil},
		{"both well", "/health", "/version", nil},
		{"health says no", "/down", "/version", []string{web.URL + "/down answers 503 Service Unavailable"}},
		{"version says no", "/health", "/down", []string{web.URL + "/down answers 503 Service Unavailable"}},
		{"version is not told", "", "/health", []string{web.URL + `/health does not say 1.2.3, but nothing`}},
		{"another version", "", "/older", []string{web.URL + `/older does not say 1.2.3, but {"version": "1.2.2"}`}},
		{"a page", "", "/long", []string{web.URL + "/long does not say 1.2.3, but " + strings.Repeat("é", 200) + "…"}},
		{"neither", "/down", "/down", []string{web.URL + "/down answers 503 Service Unavailable", web.URL + "/down answers 503 Service Unavailable"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Environment{}
			if c.health != "" {
				e.HealthURL = web.URL + c.health
			}
			if c.version != "" {
				e.VersionURL = web.URL + c.version
			}
			if got := e.answers(t.Context(), "1.2.3"); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestAnswersOfStrangers: a login in front of the application answers 200, whatever is behind it.
func TestAnswersOfStrangers(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("1.2.3")) }))
	defer login.Close()
	stranger := strings.Replace(login.URL, "127.0.0.1", "localhost", 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{"/gated": stranger + "/login", "/far": "/gated", "/health": "/health/", "/port": login.URL, "/round": "/round"}[r.URL.Path]
		if to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		w.Write([]byte("1.2.3"))
	}))
	defer web.Close()
	const instead = " redirects to localhost: expected 200 from the application itself, so name that host, or a path that asks for no login"
	for path, want := range map[string]string{
		"/gated": web.URL + "/gated" + instead, "/far": web.URL + "/far" + instead, "/health": "", "/port": "", "/round": web.URL + "/round answers 302 Found",
	} {
		for name, e := range map[string]Environment{"healthUrl": {HealthURL: web.URL + path}, "versionUrl": {VersionURL: web.URL + path}} {
			if got := strings.Join(e.answers(t.Context(), "1.2.3"), "; "); got != want {
				t.Errorf("%s=%s: got %q, want %q", name, path, got, want)
			}
		}
	}
}

// TestOneShots: what ends is broken unless somebody waits for its end, or it says that it is meant to. So says status.
func TestOneShots(t *testing.T) {
	t.Parallel()
	const why = `worker has ended with exit code 0 (if it is meant to end, label it slipway.one-shot: "true")`
	job := oneService + "  worker:\n    image: ${REGISTRY}/worker:${VERSION}\n"
	s := standIn(t)
	for _, version := range []string{"1.0.0", "1.1.0"} {
		s.image("backend", version, behaviour{})
		s.image("worker", version, behaviour{endsAfter: 5 * time.Millisecond})
	}
	env, version := s.environment(), "1.0.0"
	env.Migrate = "" // none of them is that
	for _, c := range []struct{ name, file, want string }{
		{"without a restart policy", job, why},
		{"on failure", job + "    restart: on-failure\n", why},
		{"labelled otherwise", job + "    labels: {slipway.one-shot: \"false\"}\n", why},
		{"waited for until it has started", job + "  web:\n    image: ${REGISTRY}/backend:${VERSION}\n    depends_on: [worker]\n", why},
		{"labelled", job + "    labels: {slipway.one-shot: \"true\"}\n", ""},
		{"waited for until it has ended", job + "  web:\n    image: ${REGISTRY}/backend:${VERSION}\n    depends_on: {worker: {condition: service_completed_successfully}}\n", ""},
	} {
		_, err := Deploy(t.Context(), env, s.release(version, c.file))
		if (c.want == "") != (err == nil) || !strings.Contains(message(err), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err == nil {
			version = "1.1.0"
		}
	}
	file := s.target.Dir + "/.slipway/releases/1.1.0/compose.yml"
	s.file(".slipway/releases/1.1.0/compose.yml", strings.Replace(readFile(t, file), "condition: service_completed_successfully", "condition: service_started", 1))
	status, err := Read(t.Context(), s.environment())
	if err != nil || !slices.Equal(status.Problems, []string{why}) {
		t.Errorf("status: got %q, %v", status.Problems, err)
	}
}
