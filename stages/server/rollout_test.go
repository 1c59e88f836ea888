package server

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// front is a web application of ours behind somebody else's proxy, with a worker of ours and a database.
const front = `
services:
  proxy:
    image: nginx:1
    restart: always
    ports: ["80:80"]
    labels: {slipway.reload: reload proxy}
  web:
    image: ${REGISTRY}/web:${VERSION}
    restart: always
    scale: 2
    labels: {slipway.drain: drain web}
  worker:
    image: ${REGISTRY}/worker:${VERSION}
    restart: always
    labels: {slipway.drain: 150ms}
  db:
    image: postgres:17
    restart: always
`

// frontShop is a server on which 1.0.0 of it runs, and the images of 1.1.0 are in reach.
func frontShop(t *testing.T, file string, web behaviour) *server {
	t.Helper()
	s := standIn(t)
	s.public("nginx:1", behaviour{})
	s.public("postgres:17", behaviour{healthyAfter: 10 * time.Millisecond, exposes: []string{"5432/tcp"}})
	s.program("reload", "exit 0")
	s.program("drain", "exit 0")
	s.image("web", "1.0.0", behaviour{healthyAfter: 10 * time.Millisecond})
	s.image("worker", "1.0.0", behaviour{healthyAfter: 5 * time.Millisecond, stopsAfter: 20 * time.Millisecond})
	s.image("web", "1.1.0", web)
	s.image("worker", "1.1.0", behaviour{stopsAfter: 20 * time.Millisecond})
	s.deploy(t, "1.0.0", file)
	return s
}

func (s *server) deploy(t *testing.T, version, file string) Result {
	t.Helper()
	result, err := Deploy(t.Context(), s.environment(), s.release(version, file))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// sicken makes all containers of an image unhealthy.
func (d *dockerd) sicken(image string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.containers {
		if d.images[c.image].short() == image {
			c.does.unhealthyAfter = 1
		}
	}
}

var good = behaviour{healthyAfter: 30 * time.Millisecond}

// all are the ids of all containers, the stopped ones too, by name.
func (d *dockerd) all() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]string{}
	for _, c := range d.containers {
		all[c.name] = c.id
	}
	return all
}

// since are the commands that the journal has got since then, without what only looks.
func (d *dockerd) since(n int) []line {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.journal[n:]), func(l line) bool {
		return !slices.ContainsFunc([]string{"compose up", "compose run", "exec", "stop", "rm", "kill", "start"}, l.has)
	})
}

func (d *dockerd) mark() int { d.mu.Lock(); defer d.mu.Unlock(); return len(d.journal) }

// namesIn puts the names of containers where a command has their ids.
func namesIn(names map[string]string, lines []line) (all []string) {
	for _, l := range lines {
		text := l.String()
		for name, id := range names {
			text = strings.ReplaceAll(text, id, name)
		}
		words := strings.Fields(text)
		slices.Sort(words[2:])
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// TestRolloutInItsOrder: the new ones are healthy, the proxy finds them, the old ones drain and are asked to stop, and the
// proxy forgets them. Nothing is killed, and what is not ours is left alone.
func TestRolloutInItsOrder(t *testing.T) {
	t.Parallel()
	s := frontShop(t, front, good)
	old, n := s.all(), s.mark()
	var healthy []bool
	var told time.Time
	s.on("docker exec", then(func() {
		told = time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.containers {
			healthy = append(healthy, c.does.healthyAfter == 0 || c.at(time.Now()).health == "healthy")
		}
	}))
	var stopped time.Duration
	s.on("docker stop", then(func() { stopped = time.Since(told) }))
	s.deploy(t, "1.1.0", front)
	lines := s.since(n)
	got := namesIn(old, lines)
	want := []string{
		"docker compose --detach --no-build --no-deps --no-recreate --quiet-pull --scale --scale db proxy up web web=4 worker worker=2",
		"docker exec -c app-proxy-1 proxy reload sh",
		"docker exec -c app-web-1 drain sh web",
		"docker exec -c app-web-2 drain sh web",
		"docker stop app-web-1 app-web-2 app-worker-1",
		"docker rm app-web-1 app-web-2 app-worker-1",
		"docker exec -c app-proxy-1 proxy reload sh",
		"docker compose --detach --no-build --no-deps --quiet-pull db proxy up web worker",
	}
	if len(got) > 4 {
		slices.Sort(got[2:4])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(healthy) != 8 || slices.Contains(healthy, false) {
		t.Errorf("when the proxy was told, of all containers these were healthy: %v", healthy)
	}
	if stopped < 150*time.Millisecond {
		t.Errorf("the worker had %s to drain, and asks for 150ms", stopped)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "worker": "worker:1.1.0", "db": "postgres:17"})
	now := s.all()
	for _, name := range []string{"app-proxy-1", "app-db-1"} {
		if now[name] != old[name] {
			t.Errorf("%s is not the container from before", name)
		}
	}
}

// TestRolloutInVain: what does not come up beside leaves the containers that ran, and nothing else.
func TestRolloutInVain(t *testing.T) {
	named := strings.Replace(front, "  worker:\n", "  worker:\n    container_name: worker\n", 1)
	stopFirst := strings.Replace(front, "    labels: {slipway.drain: 150ms}", "    labels: {slipway.order: stop-first}", 1)
	waits := strings.Replace(front, "    labels: {slipway.drain: drain web}", "    depends_on: {worker: {condition: service_healthy}}", 1)
	crashing := behaviour{endsAfter: 20 * time.Millisecond, endCode: 3}
	type vain struct {
		name        string
		web, worker behaviour
		breaks      func(*server)
		want        string
		state       State
	}
	for file, cases := range map[string][]vain{
		front: {
			{"never healthy", behaviour{unhealthyAfter: 20 * time.Millisecond}, good, nil, "the containers of 1.1.0, started beside the running ones: not healthy: web is unhealthy", Kept},
			{"crashes", good, crashing, nil, "worker ends again after each start", Kept},
			{"compose fails", good, good, func(s *server) { s.on("compose up", fail(1, "no space left on device")) }, "no space left on device", Kept},
			{"the proxy cannot be told", good, good, func(s *server) { s.program("reload", "echo no such site >&2; exit 4") },
				`slipway.reload of proxy ("reload proxy") ended with exit code 4: no such site`, Kept},
			{"they go bad afterwards", good, good, func(s *server) { s.on("docker stop", then(func() { s.sicken("web:1.1.4") })) }, "web is unhealthy", Restored},
		},
		named: {
			{"cannot be tried", good, crashing, nil, "started beside the running ones: not healthy: worker has ended with exit code 3", Kept},
			{"a trial does not start", good, good, func(s *server) { s.on("compose run", fail(1, "no space left on device")) }, "no space left on device", Kept},
		},
		waits:     {{"compose waits in vain", good, behaviour{unhealthyAfter: 10 * time.Millisecond}, nil, "worker is unhealthy", Kept}},
		stopFirst: {{"what is stopped first crashes", good, crashing, nil, "worker ends again after each start", Restored}},
	} {
		t.Run(cases[0].name, func(t *testing.T) {
			t.Parallel()
			s := frontShop(t, file, good)
			for n, c := range cases {
				version, old, mark := fmt.Sprintf("1.1.%d", n), s.all(), s.mark()
				s.image("web", version, c.web)
				s.image("worker", version, c.worker)
				s.program("reload", "exit 0")
				if c.breaks != nil {
					c.breaks(s)
				}
				_, err := Deploy(t.Context(), s.environment(), s.release(version, file))
				f := failure(t, err)
				wantText(t, err.Error(), c.want)
				if now := s.all(); f.State != c.state || f.Runs != "1.0.0" || c.state == Kept && !maps.Equal(now, old) || len(now) != len(old) || now["app-db-1"] != old["app-db-1"] {
					t.Errorf("%s: got %s: %v, %s; there are %v, and were %v", c.name, f.State, err, f.Next, now, old)
				}
				wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
				notByForce(t, s.since(mark))
			}
		})
	}
}

func notByForce(t *testing.T, lines []line) {
	t.Helper()
	for _, l := range lines {
		if l.has("kill") || l.has("rm --force") || l.has("stop --time") {
			t.Errorf("by force: %s", l)
		}
	}
}

// TestRolloutTellsProxies: a command that does not work is known when it comes, not in need; and that of the next proxy is
// not for the present one.
func TestRolloutTellsProxies(t *testing.T) {
	t.Parallel()
	s := frontShop(t, strings.Replace(front, "    labels: {slipway.reload: reload proxy}\n", "", 1), good)
	s.program("reload", `test "$1" = proxy`)
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", strings.Replace(front, "reload proxy", "reload prxy", 1)))
	f := failure(t, err)
	wantText(t, err.Error(), `slipway.reload of proxy ("reload prxy") ended with exit code 1`)
	if f.State != Restored {
		t.Errorf("got %s: %v, %s", f.State, err, f.Next)
	}
	s.public("caddy:2", behaviour{})
	s.program("caddy", "exit 0")
	s.deploy(t, "1.1.0", front)
	s.image("web", "1.2.0", good)
	s.image("worker", "1.2.0", good)
	s.deploy(t, "1.2.0", strings.NewReplacer("nginx:1", "caddy:2", "reload proxy", "caddy reload").Replace(front))
	wantRunning(t, s, map[string]string{"proxy": "caddy:2", "web": "web:1.2.0 web:1.2.0", "worker": "worker:1.2.0", "db": "postgres:17"})
}

// TestRolloutThatIsNotHeard: a proxy that has just started takes its time until it can be told anything, and what cannot be
// told to drain stops all the same.
func TestRolloutThatIsNotHeard(t *testing.T) {
	t.Parallel()
	s := frontShop(t, front, good)
	for range 2 {
		s.on("docker exec", fail(1, "no pid yet"))
	}
	s.program("drain", "echo no such queue >&2; exit 3")
	result := s.deploy(t, "1.1.0", front)
	if !slices.ContainsFunc(result.Figures, func(f string) bool {
		return strings.HasPrefix(f, "warning: slipway.drain: ") && strings.Contains(f, "no such queue")
	}) {
		t.Errorf("figures: %q", result.Figures)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "worker": "worker:1.1.0", "db": "postgres:17"})
}

// TestRolloutAfterAKilledRun: what cannot run twice is tried, and the trial ends as everything ends; what a killed run has left
// goes with the old containers.
func TestRolloutAfterAKilledRun(t *testing.T) {
	t.Parallel()
	file := strings.Replace(front, "  worker:\n", "  worker:\n    container_name: worker\n", 1)
	s := frontShop(t, file, good)
	killed := "COMPOSE_PROJECT_NAME=app REGISTRY=" + s.shop + " VERSION=1.0.0 docker compose --file compose.yml "
	s.sh(killed + "up --detach --no-deps --no-recreate --scale web=4 web")
	s.sh(killed + "run --detach --no-deps --name slipway-trial-app-gone worker")
	n := s.mark()
	var trials string
	s.onNth(2, "docker stop", then(func() { trials = s.sh("docker ps --filter name=slipway-trial --format '{{.Names}}'") }))
	s.deploy(t, "1.1.0", file)
	if trials != "slipway-trial-app-worker\n" {
		t.Errorf("tried: %q", trials)
	}
	notByForce(t, s.since(n))
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "worker": "worker:1.1.0", "db": "postgres:17"})
	if len(s.all()) != 5 {
		t.Errorf("there are %v", s.all())
	}
}

// TestTrialIsHidden: a proxy that finds containers by labels or by their environment does not find a trial.
func TestTrialIsHidden(t *testing.T) {
	t.Parallel()
	file := strings.Replace(front, "  worker:\n", "  worker:\n    container_name: worker\n    environment: {VIRTUAL_HOST: shop.example.com, MODE: live}\n", 1)
	file = strings.Replace(file, "labels: {slipway.drain: 150ms}", "labels: {traefik.enable: \"true\", slipway.drain: 150ms}", 1)
	s := frontShop(t, file, good)
	var labels, env string
	s.on("docker stop", then(func() {
		labels = s.sh("docker inspect --format '{{json .Config.Labels}}' slipway-trial-app-worker")
		env = s.sh("docker inspect --format '{{json .Config.Env}}' slipway-trial-app-worker")
	}))
	s.deploy(t, "1.1.0", file)
	if wantText(t, labels, `"traefik.enable":"false"`); env != `["MODE=live","VIRTUAL_HOST="]`+"\n" {
		t.Errorf("the trial has the environment %s", env)
	}
	if own := s.sh("docker inspect --format '{{json .Config}}' worker"); !strings.Contains(own, `"traefik.enable":"true"`) || !strings.Contains(own, `"VIRTUAL_HOST=shop.example.com"`) {
		t.Errorf("what follows is hidden as well: %s", own)
	}
}

// TestRolloutOfOneShots: what the new containers wait for is of their own release.
func TestRolloutOfOneShots(t *testing.T) {
	t.Parallel()
	once := strings.Replace(front, "    labels: {slipway.drain: drain web}", "    depends_on: {static: {condition: service_completed_successfully}}\n  static: {image: \"${REGISTRY}/static:${VERSION}\"}", 1)
	s := standIn(t)
	var ran []string
	static := func(version string) {
		s.image("static", version, behaviour{work: func(*database) (string, int) { ran = append(ran, version); return "", 0 }})
	}
	s.public("nginx:1", behaviour{})
	s.public("postgres:17", behaviour{})
	s.program("reload", "exit 0")
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.image("web", v, good)
		s.image("worker", v, good)
		static(v)
	}
	env := s.environment()
	env.Migrate = ""
	for _, v := range []string{"1.0.0", "1.1.0"} {
		ran = nil
		if _, err := Deploy(t.Context(), env, s.release(v, once)); err != nil {
			t.Fatal(err)
		}
	}
	if len(ran) == 0 || slices.Contains(ran, "1.0.0") {
		t.Errorf("ran: %v", ran)
	}
}

// TestRolloutLeavesStoppedWhatIs: somebody may have stopped the old worker for its faults. The new one is started.
func TestRolloutLeavesStoppedWhatIs(t *testing.T) {
	t.Parallel()
	s := frontShop(t, front, behaviour{unhealthyAfter: 50 * time.Millisecond})
	s.sh("docker stop app-worker-1")
	ran := false
	s.on("docker stop", then(func() { ran = strings.Contains(s.running()["worker"], "worker:1.0.0") }))
	if _, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", front)); err == nil {
		t.Error("1.1.0 is healthy")
	}
	if wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "db": "postgres:17"}); ran {
		t.Error("the old worker was started")
	}
	s.image("web", "1.1.1", good)
	s.image("worker", "1.1.1", good)
	s.deploy(t, "1.1.1", front)
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.1 web:1.1.1", "worker": "worker:1.1.1", "db": "postgres:17"})
}

// TestRolloutThatIsCut: what a lost connection has left at work is waited for, before anything is said or done.
func TestRolloutThatIsCut(t *testing.T) {
	t.Parallel()
	s := frontShop(t, front, good)
	lock := func() os.FileInfo { info, _ := os.Stat(s.target.Dir + "/" + lockFile); return info }
	late := func(server *dockerd, _ *call) error { // the command does its work when the run has the lock again
		before := lock()
		server.cutConnections()
		eventually(t, "the lock is taken again", func() bool { now := lock(); return now.Size() > 0 && now.ModTime() != before.ModTime() })
		time.Sleep(200 * time.Millisecond)
		return nil
	}
	before := len(s.all())
	for _, c := range []struct {
		name  string
		nth   int
		line  string
		state State
		want  string
	}{
		{"while the new ones start", 1, "compose up", Kept, "1.0.0 was never stopped and still runs"},
		{"while the old ones stop", 1, "docker stop", Restored, "1.0.0 runs again and is healthy"},
		{"while the rest is brought up", 2, "compose up", Restored, "1.0.0 runs again and is healthy"},
	} {
		s.onNth(c.nth, c.line, late)
		_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", front))
		if f := failure(t, err); f.State != c.state || f.Found != c.want || f.Runs != "1.0.0" {
			t.Errorf("%s: got %s: %v, %s", c.name, f.State, err, f.Next)
		}
		s.sh("flock " + busyFile + " true") // until nothing is at work any more
		wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
		if len(s.all()) != before {
			t.Errorf("%s: there are %v", c.name, s.all())
		}
	}
}

// TestRollbackBeside: what a release has and the next has not is stopped when that is healthy, and comes back with it. A
// rollback starts first as well, and one in vain leaves what ran.
func TestRollbackBeside(t *testing.T) {
	t.Parallel()
	more := strings.Replace(front, "  db:\n", "  ticker:\n    image: ${REGISTRY}/worker:${VERSION}\n    restart: always\n  db:\n", 1)
	s := frontShop(t, more, good)
	s.onNth(2, "compose up", then(func() {
		if running := s.running(); running["ticker"] != "worker:1.0.0" {
			t.Errorf("the ticker was stopped before: %v", running)
		}
	}))
	s.deploy(t, "1.1.0", front)
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "worker": "worker:1.1.0", "db": "postgres:17"})
	old := s.all()
	if len(old) != 5 {
		t.Errorf("there are %v", old)
	}
	behave := func(does behaviour) {
		s.set(func() { s.local(s.shop + "/web:1.0.0").does = does })
	}
	s.sh("docker pull " + s.shop + "/web:1.0.0")
	behave(behaviour{unhealthyAfter: 10 * time.Millisecond})
	_, err := Rollback(t.Context(), s.environment(), s.back("1.0.0"))
	f := failure(t, err)
	if f.State != Kept || f.Runs != "1.1.0" || !maps.Equal(s.all(), old) || strings.Contains(s.sh("cat compose.yml"), "ticker") {
		t.Errorf("got %s: %v, %s; there are %v, not %v", f.State, err, f.Next, s.all(), old)
	}
	behave(good)
	n := s.mark()
	if _, err := Rollback(t.Context(), s.environment(), s.back("1.0.0")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(namesIn(old, s.since(n)), "\n")
	if up, stop := strings.Index(lines, "web=4"), strings.Index(lines, "docker stop app-web-"); up < 0 || stop < up {
		t.Errorf("got\n%s", lines)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "ticker": "worker:1.0.0", "db": "postgres:17"})
}

// A container of another project may be removed between the two questions about it.
func TestContainerThatGoes(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.on("inspect --type container", fail(1, "Error response from daemon: No such container: 0123456789ab"))
	if p, err := Preflight(t.Context(), s.environment(), s.release("1.0.0", shopCompose)); err != nil {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestRolloutOverWhatIsBroken: compose waits for the health of what a proxy depends on, and no release could ever mend it, if
// what serves nobody were kept. The rest never stops.
func TestRolloutOverWhatIsBroken(t *testing.T) {
	t.Parallel()
	waiting := strings.Replace(front, "    ports: [", "    depends_on: {web: {condition: service_healthy}}\n    ports: [", 1)
	s := frontShop(t, waiting, behaviour{unhealthyAfter: 50 * time.Millisecond})
	s.sicken("web:1.0.0")
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", waiting))
	if f := new(Failure); !errors.As(err, &f) || f.State != NotRestored && f.State != Restored || !strings.Contains(err.Error(), "web is unhealthy") {
		t.Errorf("in vain: got %v", err)
	}
	s.image("web", "1.1.1", good)
	s.image("worker", "1.1.1", good)
	s.deploy(t, "1.1.1", waiting)
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.1.1 web:1.1.1", "worker": "worker:1.1.1", "db": "postgres:17"})
}

// TestComposeFileOfAnotherName: the repository's scripts read the compose file that is there when they run.
func TestComposeFileOfAnotherName(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.image("backend", "1.1.0", good).service("migrate", migration("two"))
	env, release := s.environment(), s.release("1.1.0", shopCompose)
	env.ComposeFile, release.Tree = "deploy.yml", commit(map[string]string{"deploy.yml": shopCompose})
	result, err := Deploy(t.Context(), env, release)
	if err != nil || result.Backup == "" {
		t.Fatalf("got %+v, %v", result, err)
	}
	back := s.back("1.0.0")
	back.Database = Recorded
	if _, err := Rollback(t.Context(), env, back); err != nil {
		t.Fatal(err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.0.0", "db": "postgres:17"})
}

// TestRolloutOfFewer: what a release wants fewer of is not stopped before the new containers are healthy either, and has its
// time to drain.
func TestRolloutOfFewer(t *testing.T) {
	t.Parallel()
	fewer := strings.NewReplacer("    labels: {slipway.drain: 150ms}", "    labels: {slipway.drain: drain worker}\n    deploy: {replicas: 0}").Replace(front)
	single := func(file string) string {
		return strings.Replace(file, "  worker:\n", "  worker:\n    ports: [\"9:9\"]\n", 1)
	}
	sidecars := strings.Replace(front, "  db:\n", "  tika:\n    image: nginx:1\n    scale: 2\n  db:\n", 1)
	for _, c := range []struct {
		name, file, next string
		web              behaviour
		running          map[string]string
		drained          bool
	}{
		{"none of ours, in vain", front, fewer, behaviour{unhealthyAfter: 20 * time.Millisecond},
			map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"}, false},
		{"none of ours", strings.Replace(front, "slipway.drain: 150ms", "slipway.drain: drain worker", 1), fewer, good,
			map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "db": "postgres:17"}, true},
		{"none of ours that cannot run twice", single(front), single(fewer), good,
			map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "db": "postgres:17"}, false},
		{"one of others, in vain", sidecars, strings.Replace(sidecars, "scale: 2\n  db", "scale: 1\n  db", 1), behaviour{unhealthyAfter: 20 * time.Millisecond},
			map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17", "tika": "nginx:1 nginx:1"}, false},
		{"one of others", sidecars, strings.Replace(sidecars, "scale: 2\n  db", "scale: 1\n  db", 1), good,
			map[string]string{"proxy": "nginx:1", "web": "web:1.1.0 web:1.1.0", "worker": "worker:1.1.0", "db": "postgres:17", "tika": "nginx:1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := frontShop(t, c.file, c.web)
			mark := s.mark()
			_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", c.next))
			if (c.web.unhealthyAfter == 0) != (err == nil) {
				t.Errorf("got %v", err)
			}
			wantRunning(t, s, c.running)
			if slices.ContainsFunc(s.since(mark), func(l line) bool { return l.has("compose run") }) {
				t.Error("what the release has none of was tried")
			}
			if drained := slices.ContainsFunc(s.since(mark), func(l line) bool { return l.has("exec sh -c") && strings.HasSuffix(l.String(), "drain worker") }); drained != c.drained {
				t.Errorf("the worker drained: %t", drained)
			}
		})
	}
}

// TestFilesGoBackBeforeProxiesAreTold: a proxy that was told already, when another could not be, reads what it had read before.
func TestFilesGoBackBeforeProxiesAreTold(t *testing.T) {
	t.Parallel()
	file := strings.Replace(front, "    labels: {slipway.reload: reload proxy}\n", "    labels: {slipway.reload: reload proxy}\n    volumes: [\"./conf:/conf:ro\"]\n", 1) +
		"  second:\n    image: nginx:1\n    labels: {slipway.reload: reload second}\n"
	s := standIn(t)
	s.public("nginx:1", behaviour{})
	s.public("postgres:17", behaviour{})
	s.program("drain", "exit 0")
	s.program("reload", "exit 0")
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.image("web", v, good)
		s.image("worker", v, behaviour{})
	}
	conf := func(text string) File { return File{Path: "conf/a.conf", Text: []byte(text)} }
	if _, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", file, conf("old "))); err != nil {
		t.Fatal(err)
	}
	s.program("reload", fmt.Sprintf(`cd %s
test -e first || echo "$1" > first
test "$(cat first)" = "$1" && cat conf/a.conf >> read`, s.target.Dir))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", file, conf("new ")))
	if f := failure(t, err); f.State != Kept {
		t.Errorf("got %s: %v", f.State, err)
	}
	if read := readFile(t, s.target.Dir+"/read"); read != "new old " {
		t.Errorf("the proxy has read %q", read)
	}
}
