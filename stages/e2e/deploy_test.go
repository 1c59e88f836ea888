package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/ssh"
)

// TestDeploy follows the application on one server, upgraded and brought back, and asks the server, not Slipway, what runs.
func TestDeploy(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	s := d.Staging
	first := d.Release(t, "1.0.0", jobs)
	green(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 is healthy, first deployment", "Outcome: deployed")
	s.WantRunning(t, first)
	s.WantAnswer(t, "1.0.0")
	green(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 runs there already and is healthy", "Outcome: already-deployed")
	s.sell(t, "before")

	second := d.Release(t, "1.1.0", func(image string, config *v1.Config) {
		jobs(image, config)
		migration("CREATE TABLE IF NOT EXISTS reviews (id integer)")(image, config)
	})
	t.Run("an upgrade while jobs are at work", func(t *testing.T) { d.upgrade(t, first, second) })
	s.sell(t, "after")
	t.Run("back onto another schema only when asked for", func(t *testing.T) {
		red(t, d.rollback(t, "staging"), "1.0.0 ran on another schema", "--restore-db=recorded", "--allow-schema-ahead", "nothing was changed")
		s.WantRunning(t, second)
		green(t, d.rollback(t, "staging", "--allow-schema-ahead"), "1.0.0 is healthy, 1.1.0 was left", "Outcome: rolled-back")
		s.WantRunning(t, first)
		s.WantAnswer(t, "1.0.0")
		s.wantSold(t, "after", "before")
		if got := s.psql(t, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'reviews'"); got != "1" {
			t.Errorf("the schema was touched")
		}
		if e := s.Ledger(t); e[len(e)-1].Kind != "rollback" || e[len(e)-1].Reason != "orders are lost" {
			t.Errorf("the ledger says %+v", e[len(e)-1])
		}
	})
	t.Run("back with the database", func(t *testing.T) {
		d.Release(t, "1.2.0", nil)
		green(t, d.Deploy(t, "staging", "1.2.0"), "after 1.0.0")
		s.sell(t, "latest")
		green(t, d.rollback(t, "staging", "--to=1.0.0", "--restore-db=recorded"), "database restored from backup/", "database saved as backup/", "1.0.0 is healthy, 1.2.0 was left")
		s.WantRunning(t, first)
		s.wantSold(t, "after", "before")
		e := s.Ledger(t)
		if saved := s.Run(t, "grep -c latest "+s.Dir+"/"+e[len(e)-1].Backup); saved != "1" {
			t.Errorf("the safety backup does not hold what was there last")
		}
	})
}

// upgrade brings the second version while the first has jobs at work, and somebody else wants to deploy, too.
func (d DeployShop) upgrade(t *testing.T, first, second map[string]string) {
	s := d.Staging
	forgotten := d.Prefix + "/backend@" + d.MakeVersion(t, "0.9.0", d.Git(t, "rev-parse", "HEAD"), nil)["backend"]
	s.Run(t, "docker pull -q "+forgotten)
	old := s.workers()[0]
	s.enqueue(t, old, "running", "finish")
	upgrade := d.start(t, append([]string{"--committer=Ann <ann@example.com>"}, d.Arguments("deploy", "--environment=staging", "--version=1.1.0")...)...)
	Eventually(t, "the new worker is started", func() bool { return len(s.workers()) == 2 })
	s.enqueue(t, old, "first", "arq:health:"+old)
	Eventually(t, "the old containers are told to stop", func() bool { return !s.runs(first["frontend"]) })
	s.enqueue(t, s.workers()[1], "second", "ended")
	red(t, d.Deploy(t, "staging", "1.1.0"), "the server is locked by deploy of 1.1.0 by Ann, since ", "wait until it has ended", "Outcome: locked")
	s.redis(t, "set finish now")
	green(t, <-upgrade, "1.1.0 is healthy, after 1.0.0", "database saved as backup/", "1 images of older releases removed", "Outcome: deployed")
	if kept := s.Run(t, "docker image ls --digests --format '{{.Repository}}@{{.Digest}}'"); strings.Contains(kept, forgotten) || !strings.Contains(kept, first["backend"]) {
		t.Errorf("on the server are %s", kept)
	}
	s.WantRunning(t, second)
	s.WantAnswer(t, "1.1.0")
	Eventually(t, "each job has ended", func() bool { return s.redis(t, "llen ended") >= "3" })
	ended := strings.Fields(s.redis(t, "lrange ended 0 -1"))
	if len(ended) != 3 || !slices.Contains(ended, "running@"+old) {
		t.Errorf("jobs have ended as %v; want each once, and the one that ran where it had begun, in %s", ended, old)
	}
	if kept := s.redis(t, "exists arq:result:running"); kept != "1" {
		t.Error("the result of the job is lost")
	}
	s.WantNoCredentials(t)
}

// jobs makes a worker that has a job which lasts until the queue has a key, and says where it ended.
func jobs(image string, config *v1.Config) {
	const module = `from shop.worker import WorkerSettings as Shop
import asyncio, socket
async def until(ctx, key):
    while not await ctx["redis"].exists(key): await asyncio.sleep(0.2)
    await ctx["redis"].rpush("ended", ctx["job_id"] + "@" + socket.gethostname())
WorkerSettings = type("WorkerSettings", (), {**vars(Shop), "functions": (*Shop.functions, until)})`
	if image == "arq-worker" {
		config.Env = append(config.Env, "SLOW="+module, "PYTHONPATH=/tmp:/app")
		config.Entrypoint = []string{"sh", "-c", `printf '%s\n' "$SLOW" > /tmp/slow.py && exec arq slow.WorkerSettings`}
	}
}

// workers are the containers of the worker, the oldest first.
func (s Server) workers() []string {
	out, _ := s.try("docker ps --quiet --filter label=com.docker.compose.service=arq-worker --filter label=com.docker.compose.project=" + s.Project())
	ids := strings.Fields(out)
	slices.Reverse(ids)
	return ids
}

func (s Server) enqueue(t *testing.T, worker, name, key string) {
	t.Helper()
	s.Run(t, fmt.Sprintf(`docker exec %s python -c 'import asyncio, arq
from shop.worker import WorkerSettings as S
async def main(): await (await arq.create_pool(S.redis_settings)).enqueue_job("until", "%s", _job_id="%s")
asyncio.run(main())'`, worker, key, name))
}

// redis asks the application's queue.
func (s Server) redis(t *testing.T, command string) string {
	t.Helper()
	return s.Run(t, "docker exec $(docker ps -q --filter label=com.docker.compose.service=redis --filter label=com.docker.compose.project="+s.Project()+") redis-cli "+command)
}

// entrypoint puts a shell line before what the image runs; the line sees the command as its arguments.
func entrypoint(images, line string) Change {
	return func(image string, config *v1.Config) {
		if strings.Contains(images, image) {
			config.Entrypoint = []string{"sh", "-c", line + `; exec "$@"`, "sh"}
		}
	}
}

// orphaned is a program that crashes a moment after the service's name leads to nobody but itself.
const orphaned = `case "$*" in *uvicorn*) python - <<P &
import os, signal, socket, time
while set(socket.gethostbyname_ex("backend")[2]) != {socket.gethostbyname(socket.gethostname())}: time.sleep(0.1)
time.sleep(1)
os.kill(-1, signal.SIGKILL)
P
esac`

// TestDeployFailures is one server that runs a healthy version, and what only a real one can show of the next one's failures:
// of the version, of the connection and of the run.
func TestDeployFailures(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	c := d.through(t)
	first := d.Release(t, "1.0.0", nil)
	green(t, d.Deploy(t, "staging", "1.0.0"))
	stillThere := func(t *testing.T) {
		t.Helper()
		d.Staging.WantRunning(t, first)
		d.Staging.WantAnswer(t, "1.0.0")
	}
	t.Run("a container that crashes once the old one is gone", func(t *testing.T) {
		d.Release(t, "1.2.0", entrypoint("backend", orphaned))
		red(t, d.Deploy(t, "staging", "1.2.0"), "not healthy: backend", "1.0.0 runs again and is healthy", "Outcome: deploy-restored")
		stillThere(t)
	})
	t.Run("a migration that stops half way", func(t *testing.T) {
		const half = `case "$*" in *migrate*) python - <<P
import asyncio, asyncpg, os
async def main():
    c = await asyncpg.connect(os.environ["DATABASE_URL"])
    await c.execute("CREATE TABLE half (id integer)")
asyncio.run(main())
P
exit 3;; esac`
		d.Release(t, "1.4.0", entrypoint("backend", half))
		red(t, d.Deploy(t, "staging", "1.4.0"), "the schema of its database was changed half way", "scripts/restore_db.sh backup/", "Outcome: deploy-not-restored")
		stillThere(t)
	})
	last := d.Release(t, "1.7.0", nil)
	bothRun := func() bool { return d.Staging.runs(last["backend"]) }
	t.Run("a connection that is lost while new containers start", func(t *testing.T) {
		ended := d.start(t, d.Arguments("deploy", "--environment=staging", "--version=1.7.0")...)
		Eventually(t, "the new version is started", bothRun)
		c.cut()
		time.Sleep(5 * time.Second)
		c.mend()
		red(t, <-ended, "the connection to the server was lost", "1.0.0 was never stopped and still runs", "Outcome: deploy-restored")
		stillThere(t)
	})
	t.Run("all of it is in the ledger", func(t *testing.T) {
		var told []string
		for _, e := range d.Staging.Ledger(t) {
			told = append(told, e.Version+" "+e.Result+" "+e.State)
		}
		want := "1.0.0 healthy ,1.2.0 failed restored,1.4.0 failed not-restored,1.7.0 failed kept"
		if got := strings.Join(told, ","); got != want {
			t.Errorf("the ledger says\n%s, want\n%s", got, want)
		}
	})
	for _, kill := range []struct {
		name   string
		moment func() bool
	}{
		{"a kill while new containers start", bothRun},
		{"a kill while old containers stop", func() bool { return bothRun() && !d.Staging.runs(first["backend"]) }},
	} {
		t.Run(kill.name, func(t *testing.T) {
			d.KillWhen(t, kill.moment, d.Arguments("deploy", "--environment=staging", "--version=1.7.0")...)
			Eventually(t, "the server is free again", func() bool {
				out, _ := d.Staging.try("flock -n " + d.Staging.Dir + "/.slipway/lock true && echo free")
				return out == "free"
			})
		})
	}
	t.Run("the same line again", func(t *testing.T) {
		green(t, d.Deploy(t, "staging", "1.7.0"), "1.7.0 is healthy, after 1.0.0", "Outcome: deployed")
		d.Staging.WantRunning(t, last)
		d.Staging.WantAnswer(t, "1.7.0")
		if left := d.Staging.Run(t, "docker ps --all --quiet --filter label=com.docker.compose.project="+d.Staging.Project()+" | wc -l"); left != "6" {
			t.Errorf("there are %s containers, want one of each service", left)
		}
		d.Staging.WantNoCredentials(t)
	})
}

// TestDeployHostKey refuses a server that is not the known one, before a key of ours is offered.
func TestDeployHostKey(t *testing.T) {
	t.Parallel()
	d := DeployShop{Shop: NewShop(t), Prefix: NewPrefix(t)}
	d.addServers(t)
	d.Release(t, "1.0.0", nil)
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	d.KnownHosts = d.Staging.Host() + " " + string(ssh.MarshalAuthorizedKey(other))
	red(t, d.Deploy(t, "staging", "1.0.0"), "has answered with another host key (SHA256:", "Outcome: refused-state")
	if left := d.Staging.Run(t, "ls -A "+d.Staging.Dir); left != ".env" {
		t.Errorf("something was written: %s", left)
	}
}

// TestStatusShowsDrift finds what somebody has changed by hand, which the same deployment mends. It pulls with the caller's
// token, which stays nowhere.
func TestStatusShowsDrift(t *testing.T) {
	t.Parallel()
	d := newSmallDeployShop(t)
	token := "canary/" + rand.Text()
	pair := base64.StdEncoding.EncodeToString([]byte("ci:" + token))
	broken := d.Release(t, "0.9.0", entrypoint("frontend", "exit 7"))
	digests := d.Release(t, "1.0.0", nil)
	d.Release(t, "1.0.1", nil)
	guard := proxied{listen(t, withToken(t, "ci", token)), d.Prefix}
	through := d
	through.Prefix = guard.through()
	through.Setenv("CANARY_TOKEN", token)
	call := func(args ...string) Result {
		r := through.Call(t, append([]string{"--registry-user=ci", "--registry-token=env://CANARY_TOKEN"}, through.Arguments(args...)...)...)
		hides(t, r.Output(), token, pair)
		return r
	}
	deploy := func(version string) Result { return call("deploy", "--environment=staging", "--version="+version) }
	status := func() Result { return call("status", "--environment=staging") }

	red(t, deploy("0.9.0"), "frontend", "nothing to restore", "Outcome: deploy-not-restored")
	if running := d.Staging.Running(t); len(running) > 0 {
		t.Errorf("%v still run, of %v", running, broken)
	}
	green(t, deploy("1.0.0"), "1.0.0 is healthy", "Outcome: deployed")
	left := d.Staging.Run(t, "cat ~/.docker/config.json 2>/dev/null; ls -A /dev/shm; cat $(find "+d.Staging.Dir+" -type f); docker image ls --digests")
	hides(t, left, token, pair)
	if !strings.Contains(left, digests["backend"]) {
		t.Errorf("%s is not on the server:\n%s", digests["backend"], left)
	}
	r := status()
	green(t, r, "version  1.0.0, deploy at", "health   healthy", digests["backend"], "ledger")
	if strings.Contains(r.Stdout, "DRIFT") {
		t.Errorf("drift where there is none:\n%s", r.Stdout)
	}
	d.Staging.Run(t, fmt.Sprintf("cd %s && REGISTRY=%s VERSION=1.0.1 docker compose -f docker-compose.prod.ip.yml up -d --no-deps backend 2>&1", d.Staging.Dir, d.Prefix))
	d.Staging.Run(t, "docker stop $(docker ps -q --filter label=com.docker.compose.service=arq-worker --filter label=com.docker.compose.project="+d.Staging.Project()+")")
	green(t, status(), "DRIFT: was deployed as "+through.Prefix+"/backend@"+digests["backend"], "NOT HEALTHY: ", "backend runs", "arq-worker has ended with exit code")
	green(t, deploy("1.0.0"), "1.0.0 is healthy", "Outcome: deployed")
	d.Staging.WantRunning(t, digests)
}

// TestReleaseToStaging lets floating tags follow only what staging has run. Gates are not the point here.
func TestReleaseToStaging(t *testing.T) {
	t.Parallel()
	d := newSmallDeployShop(t)
	release := func(version, page string) Result {
		return d.Call(t, append([]string{tinyImages, "--health-url=" + d.Staging.Backend() + page, "--health-timeout=15s"},
			d.Arguments("release", "--version="+version, "--force", "--reason=only a test of staging")...)...)
	}
	d.Write(t, "docker-compose.prod.ip.yml", smallCompose+`  web:
    <<: *service
    image: ${REGISTRY:-localhost:5000}/backend:${VERSION:-latest}
    command: [python, -m, http.server, "8000"]
    ports: ["${BACKEND_PORT}:8000"]
    env_file: shop.env
    volumes: ["./conf:/conf:ro"]
`)
	d.Write(t, "conf/motd", "hello")
	d.Commit(t, "a file is forgotten")
	red(t, release("1.2.3", "/"), "Validate Release failed", "docker compose does not accept the compose file", d.Staging.Dir+"/shop.env not found", "Outcome: refused-state")
	if left := d.Staging.Run(t, "ls -A "+d.Staging.Dir); left != ".env" {
		t.Errorf("a release that was refused has written %s", left)
	}
	d.Write(t, "shop.env", "GREETING=hello")
	commit := d.Commit(t, "the file is there")
	digests := d.MakeVersion(t, "1.2.3", commit, nil)
	red(t, release("1.2.3", "/nowhere"), "Deploy Staging failed: not healthy after 30s", "/nowhere answers 404", "nothing to restore", "Outcome: deploy-not-restored")
	WantTags(t, d.Prefix, "1.2.3", "sha-"+commit[:7])
	green(t, release("1.2.3", "/"), "1.2.3 is healthy", "Outcome: resumed")
	WantTags(t, d.Prefix, "1.2.3", "sha-"+commit[:7], "1.2", "1", "latest")
	d.Staging.WantRunning(t, digests)
	if got := d.Staging.Run(t, "docker exec $(docker ps -q --filter label=com.docker.compose.service=web --filter label=com.docker.compose.project="+d.Staging.Project()+") sh -c 'echo $GREETING $(cat /conf/motd)'"); got != "hello hello" {
		t.Errorf("the container has %q of the release's files", got)
	}

	d.Git(t, "checkout", "-q", "-b", "release/1.1", "v1.2.0")
	d.deploySmall(t)
	old := d.SetVersion(t, "1.2.0", "1.1.9")
	d.MakeVersion(t, "1.1.9", old, nil)
	green(t, release("1.1.9", "/"), "staging runs 1.2.3, which is higher")
	d.Staging.WantRunning(t, digests)
	if tags := Tags(t, d.Prefix, "backend"); tags["1.1"] != tags["1.1.9"] || tags["latest"] != digests["backend"] {
		t.Errorf("tags after the backport: %v", tags)
	}
}
