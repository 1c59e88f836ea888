package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/redact"
)

const (
	gateTime = 60 * time.Second
	gateStep = time.Second
	// goodAnswers in a row make a server healthy: one may be luck.
	goodAnswers = 3
	// steadyTime is for how long a container has to run without a restart: a crash right after the start is common. One whose
	// health check is good has shown more than that it runs: one of the release has to for half as long, any other not.
	steadyTime = 10 * time.Second
)

// Pace is how long a server is watched until it is called healthy; what is zero is as above.
type Pace struct {
	Deadline time.Duration // by then it has to be
	Step     time.Duration // between two looks
	Steady   time.Duration // without a restart
}

func (p Pace) deadline() time.Duration { return cmp.Or(p.Deadline, gateTime) }

func (p Pace) step() time.Duration { return cmp.Or(p.Step, gateStep) }

func (p Pace) steady(checked, ours bool) time.Duration {
	steady := cmp.Or(p.Steady, steadyTime)
	switch {
	case checked && ours:
		return steady / 2
	case checked:
		return 0
	}
	return steady
}

// verdict is what one look at the containers says.
type verdict struct {
	fatal []string // what waiting will not mend
	yet   []string // what it may
	left  []string // what was so before, and says nothing of the release
}

func (v *verdict) wait(format string, args ...any) {
	v.yet = append(v.yet, fmt.Sprintf(format, args...))
}

func (v *verdict) fail(format string, args ...any) {
	v.fatal = append(v.fatal, fmt.Sprintf(format, args...))
}

func (v verdict) bad() []string { return slices.Concat(v.fatal, v.yet) }

func (v verdict) good() bool { return len(v.bad()) == 0 }

// look is one reading of the server.
type look struct {
	at         time.Time // by the server's clock
	containers []container
	digests    map[string][]string // of local images
	pins       map[string]string   // by service: the image that has to run
	services   map[string]service  // all that have to be there
	restarts   map[string]int      // by container, when it was first seen
	was        func(container) string
	ends       func(container) bool
	pace       Pace
}

// judge says whether everything that was asked for runs, is healthy, and is what was asked for.
func (l look) judge() verdict {
	var v verdict
	for _, name := range slices.Sorted(maps.Keys(l.services)) {
		all := of(l.containers, name)
		spent := l.services[name].ends && l.ends == nil // and somebody has cleaned up
		if len(all) == 0 && l.services[name].replicas() > 0 && !spent {
			v.wait("%s has no container", name)
		}
		for _, c := range all {
			l.judgeOne(&v, name, c)
		}
	}
	return v
}

func (l look) judgeOne(v *verdict, name string, c container) {
	if l.was != nil && l.was(c) != "" {
		v.left = append(v.left, l.was(c))
		return
	}
	if pin := l.pins[name]; pin != "" && c.Config.Image != pin && !amongImages(l.digests[c.Image], pin) {
		v.fail("%s runs %s, not %s", name, c.Config.Image, pin)
		return
	}
	health, oneShot := c.State.Health, l.services[name].ends
	if oneShot {
		health = nil // how it ends says whether it was well (D7)
	}
	atWork := oneShot && l.ends != nil && l.ends(c)
	steady := l.pace.steady(health != nil, l.pins[name] != "" && !c.trial())
	switch {
	case c.endedWell() && (oneShot || l.pins[name] == "" && c.finished()):
		return // it has done its work (D7)
	case c.State.Status == "exited" || c.State.Status == "dead":
		v.fail("%s has ended with %s%s", name, gate.ExitText(c.State.ExitCode), meantToEnd(c.State.ExitCode))
	case c.RestartCount > l.restarts[c.ID] && atWork:
		v.wait("%s ends again after each start", name) // it may be meant to be tried again
	case c.RestartCount > l.restarts[c.ID]:
		v.fail("%s ends again after each start", name)
	case c.State.Status != "running":
		v.wait("%s is %s", name, c.State.Status)
	case atWork:
		v.wait("%s has not ended yet", name)
	case health != nil && health.Status == "unhealthy":
		v.fail("%s is unhealthy", name)
	case health != nil && health.Status != "healthy":
		v.wait("%s is %s", name, health.Status)
	case l.age(c) < steady:
		v.wait("%s runs for less than %s", name, steady)
	}
}

// finished says of a container with somebody else's image, which knows no label of ours, whether it was meant to end: nothing
// would start it again, and nothing asks whether it is well.
func (c container) finished() bool {
	return c.State.Health == nil && slices.Contains([]string{"", "no"}, c.HostConfig.RestartPolicy.Name)
}

// meantToEnd is what there is to do if ending was the purpose.
func meantToEnd(code int) string {
	if code != 0 {
		return ""
	}
	return " (if it is meant to end, label it " + oneShotLabel + ": \"true\")"
}

func (l look) age(c container) time.Duration {
	started, err := time.Parse(time.RFC3339Nano, c.State.Started)
	if err != nil {
		return 0
	}
	return l.at.Sub(started)
}

// watch is what a gate looks at, again and again.
type watch struct {
	pins     map[string]string
	services map[string]service
	see      func(context.Context) ([]container, error)
	ask      func(context.Context) []string // problems that only show from outside
	was      func(container) string         // what was wrong with it before anything was changed, if that is nobody's fault now
	ends     func(container) bool           // whether it has to have ended, if it is a one-shot
	left     []string                       // what was so at the last look
	restarts map[string]int
	pace     Pace
	on       string // the environment, for those who watch
	step     func(ctx context.Context, name string) (context.Context, func(error))
}

// watched are the containers of the whole application, seen from within and from without.
func (p *project) watched(e Environment, version string, pins map[string]string) *watch {
	return &watch{
		pins: pins, services: p.services(e), see: p.containers, pace: e.Pace, on: e.Name, step: e.Step,
		ask: func(ctx context.Context) []string { return e.answers(ctx, version) },
	}
}

// look reads the server once, and asks from outside when its containers are good.
func (c *Conn) look(ctx context.Context, w *watch) (verdict, error) {
	l, err := c.observe(ctx, w)
	if err != nil {
		return verdict{}, err
	}
	v := l.judge()
	w.left = v.left
	if !v.good() || w.ask == nil {
		return v, nil
	}
	for _, problem := range w.ask(ctx) {
		v.wait("%s", problem)
	}
	return v, nil
}

func (c *Conn) observe(ctx context.Context, w *watch) (look, error) {
	clock, err := c.run(ctx, command{args: []string{"date", "-u", "+%Y-%m-%dT%H:%M:%SZ"}})
	if err != nil {
		return look{}, err
	}
	l := look{pins: w.pins, services: w.services, was: w.was, ends: w.ends, pace: w.pace}
	if l.at, err = time.Parse(time.RFC3339, strings.TrimSpace(clock)); err != nil {
		return look{}, fmt.Errorf("the server's clock says %q: %w", clock, err)
	}
	if l.containers, err = w.see(ctx); err != nil {
		return look{}, err
	}
	if w.restarts == nil {
		w.restarts = map[string]int{}
		for _, one := range l.containers {
			w.restarts[one.ID] = one.RestartCount
		}
	}
	l.restarts = w.restarts
	l.digests, err = c.digests(ctx, l.containers)
	return l, err
}

// services are those that have to run: all of the active profiles but the migration, which has had its own turn.
func (p *project) services(e Environment) map[string]service {
	services := maps.Clone(p.compose.Services)
	maps.DeleteFunc(services, func(name string, s service) bool { return name == e.Migrate || s.inactive })
	return services
}

// answers asks the environment's URLs, and says what is wrong with what came back.
func (e Environment) answers(ctx context.Context, version string) []string {
	var problems []string
	if e.HealthURL != "" {
		if _, err := get(ctx, e.HealthURL); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if e.VersionURL == "" || version == foundRelease {
		return problems
	}
	text, err := get(ctx, e.VersionURL)
	switch {
	case err != nil:
		problems = append(problems, err.Error())
	case !mentions(text, version):
		problems = append(problems, fmt.Sprintf("%s does not say %s, but %s", e.VersionURL, version, quoted(text)))
	}
	return problems
}

// longestAnswer is how much of an answer is quoted, in characters.
const longestAnswer = 200

// quoted is an answer as it came. Most are JSON, which no further quotes make any clearer.
func quoted(answer string) string {
	runes := []rune(redact.OneLine(answer))
	if len(runes) == 0 {
		return "nothing"
	}
	if len(runes) > longestAnswer {
		runes = append(runes[:longestAnswer], '…')
	}
	return string(runes)
}

// mentions finds the version as a word of its own: 1.2.3 is not in 1.2.30.
func mentions(text, version string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\"'<>{}[]():,;= \t\r\n", r) })
	return slices.Contains(words, version) || slices.Contains(words, "v"+version)
}

const (
	answerTime = 5 * time.Second
	// mostRedirects are as many as Go's own client follows.
	mostRedirects = 10
)

// asker follows redirects within a host, to https or with a slash: what another host answers says nothing of the application.
var asker = &http.Client{CheckRedirect: func(next *http.Request, before []*http.Request) error {
	if !sameHost(next.URL, before[0].URL) || len(before) == mostRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}}

func sameHost(a, b *url.URL) bool { return strings.EqualFold(a.Hostname(), b.Hostname()) }

func get(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := asker.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && response.StatusCode != http.StatusOK {
		err = notOK(address, response)
	}
	return string(text), err
}

func notOK(address string, response *http.Response) error {
	if to, err := response.Location(); err == nil && !sameHost(to, response.Request.URL) {
		return fmt.Errorf("%s redirects to %s: expected 200 from the application itself, so name that host, or a path that asks for no login", address, to.Hostname())
	}
	return fmt.Errorf("%s answers %s", address, response.Status)
}
