package e2e

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/ssh"
)

// TestDeployFirstAndUpgrade brings two versions to a server and asks it, not Slipway, what runs.
func TestDeployFirstAndUpgrade(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	red(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 is not in the registry", "release it first", "Outcome: refused-state")

	first := d.Release(t, "1.0.0", jobs)
	green(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 is healthy, first deployment", "Outcome: deployed")
	d.Staging.WantRunning(t, first)
	d.Staging.WantAnswer(t, "1.0.0")

	green(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 runs there already and is healthy", "Outcome: already-deployed")
	d.Staging.Run(t, "docker stop $(docker ps -q --filter label=com.docker.compose.service=backend --filter label=com.docker.compose.project="+d.Staging.Project()+")")
	green(t, d.Deploy(t, "staging", "1.0.0"), "1.0.0 is healthy", "Outcome: deployed") // the server was really looked at
	d.Staging.WantAnswer(t, "1.0.0")

	forgotten := d.Prefix + "/backend@" + d.MakeVersion(t, "0.9.0", d.Git(t, "rev-parse", "HEAD"), nil)["backend"]
	d.Staging.Run(t, "docker pull -q "+forgotten)
	second := d.Release(t, "1.1.0", jobs)
	old := d.Staging.workers()[0]
	d.Staging.enqueue(t, old, "running", "finish")
	queued := make(chan struct{})
	go func() {
		defer close(queued)
		Eventually(t, "the new worker is started", func() bool { return len(d.Staging.workers()) == 2 })
		d.Staging.enqueue(t, old, "first", "arq:health:"+old)
		Eventually(t, "the old containers are told to stop", func() bool { return !d.Staging.runs(first["frontend"]) })
		d.Staging.enqueue(t, d.Staging.workers()[1], "second", "ended")
		d.Staging.redis(t, "set finish now")
	}()
	green(t, d.Deploy(t, "staging", "1.1.0"), "1.1.0 is healthy, after 1.0.0", "database saved as backup/", "1 images of older releases removed", "Outcome: deployed")
	if kept := d.Staging.Run(t, "docker image ls --digests --format '{{.Repository}}@{{.Digest}}'"); strings.Contains(kept, forgotten) || !strings.Contains(kept, first["backend"]) {
		t.Errorf("on the server are %s", kept)
	}
	d.Staging.WantRunning(t, second)
	d.Staging.WantAnswer(t, "1.1.0")
	<-queued
	Eventually(t, "each job has ended", func() bool { return d.Staging.redis(t, "llen ended") >= "3" })
	ended := strings.Fields(d.Staging.redis(t, "lrange ended 0 -1"))
	if len(ended) != 3 || !slices.Contains(ended, "running@"+old) {
		t.Errorf("jobs have ended as %v; want each once, and the one that ran where it had begun, in %s", ended, old)
	}
	if kept := d.Staging.redis(t, "exists arq:result:running"); kept != "1" {
		t.Error("the result of the job is lost")
	}
	d.Staging.WantNoCredentials(t)

	red(t, d.Deploy(t, "staging", "1.0.0"), "staging runs 1.1.0, which is higher than 1.0.0", "use rollback", "Outcome: refused-state")
	red(t, d.Deploy(t, "nowhere", "1.0.0"), "expected the environment staging or production", "Outcome: refused-input")
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

// orphaned is a program that crashes as soon as the service's name leads to nobody but itself.
const orphaned = `case "$*" in *uvicorn*) python - <<P &
import os, signal, socket, time
while set(socket.gethostbyname_ex("backend")[2]) != {socket.gethostbyname(socket.gethostname())}: time.sleep(0.1)
os.kill(-1, signal.SIGKILL)
P
esac`

// TestDeployFailures is one server that runs a healthy version, and what only a real one can show of the next one's failures.
func TestDeployFailures(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
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
	t.Run("all of it is in the ledger, and the next version comes up", func(t *testing.T) {
		var told []string
		for _, e := range d.Staging.Ledger(t) {
			told = append(told, e.Version+" "+e.Result+" "+e.State)
		}
		want := "1.0.0 healthy ,1.2.0 failed restored,1.4.0 failed not-restored"
		if got := strings.Join(told, ","); got != want {
			t.Errorf("the ledger says\n%s, want\n%s", got, want)
		}
		last := d.Release(t, "1.7.0", nil)
		green(t, d.Deploy(t, "staging", "1.7.0"), "after 1.0.0")
		d.Staging.WantRunning(t, last)
		d.Staging.WantAnswer(t, "1.7.0")
	})
}

// TestDeployFirstFails leaves nothing running where nothing ran before.
func TestDeployFirstFails(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	d.Release(t, "1.0.0", entrypoint("frontend", "exit 7"))
	red(t, d.Deploy(t, "staging", "1.0.0"), "frontend", "nothing to restore", "Outcome: deploy-not-restored")
	if running := d.Staging.Running(t); len(running) > 0 {
		t.Errorf("still running: %v", running)
	}
}

// TestDeployHostKey refuses a server that is not the known one, before a key of ours is offered.
func TestDeployHostKey(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	d.Release(t, "1.0.0", nil)
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ known, says string }{
		"changed": {d.Staging.Host() + " " + string(ssh.MarshalAuthorizedKey(other)), "has answered with another host key (SHA256:"},
		"unknown": {"somewhere.example " + string(ssh.MarshalAuthorizedKey(other)), "is not in knownHosts"},
		"unset":   {"", "knownHosts is not set"},
		"broken":  {"what is this", "knownHosts is not in the form of a known_hosts file"},
	} {
		t.Run(name, func(t *testing.T) {
			d := d
			d.KnownHosts = c.known
			red(t, d.Deploy(t, "staging", "1.0.0"), c.says, "Outcome: refused-state")
		})
	}
	if left := d.Staging.Run(t, "ls -A "+d.Staging.Dir); left != ".env" {
		t.Errorf("something was written: %s", left)
	}
}

// TestDeployProduction takes what staging ran healthy, and nothing else.
func TestDeployProduction(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	first := d.Release(t, "1.0.0", nil)
	red(t, d.Deploy(t, "production", "1.0.0"), "staging never ran 1.0.0 healthy, so production may not", "Outcome: refused-state")
	green(t, d.Deploy(t, "staging", "1.0.0"))
	// Somebody puts other images under the version's tags: production does not look there.
	d.MakeVersion(t, "1.0.0", d.Git(t, "rev-parse", "HEAD"), func(_ string, c *v1.Config) { c.Env = append(c.Env, "OTHER=1") })
	green(t, d.Deploy(t, "production", "1.0.0"), "Outcome: deployed")
	d.Production.WantRunning(t, first)
	d.Production.WantAnswer(t, "1.0.0")

	d.Release(t, "1.1.0-rc.1", nil)
	green(t, d.Deploy(t, "staging", "1.1.0-rc.1"))
	red(t, d.Deploy(t, "production", "1.1.0-rc.1"), "is a prerelease, which production does not run", "Outcome: refused-state")
	d.Production.WantRunning(t, first)
}

// TestStatusShowsDrift finds what somebody has changed by hand.
func TestStatusShowsDrift(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	status := func() Result { return d.Call(t, d.Arguments("status", "--environment=staging")...) }
	green(t, status(), "nothing was deployed here by Slipway")
	digests := d.Release(t, "1.0.0", nil)
	green(t, d.Deploy(t, "staging", "1.0.0"))
	r := status()
	green(t, r, "version  1.0.0, deploy at", "health   healthy", digests["backend"], "ledger")
	if strings.Contains(r.Stdout, "DRIFT") {
		t.Errorf("drift where there is none:\n%s", r.Stdout)
	}
	d.Release(t, "1.0.1", nil)
	d.Staging.Run(t, fmt.Sprintf("cd %s && REGISTRY=%s VERSION=1.0.1 docker compose -f docker-compose.prod.ip.yml up -d --no-deps backend 2>&1", d.Staging.Dir, d.Prefix))
	green(t, status(), "DRIFT: was deployed as "+d.Prefix+"/backend@"+digests["backend"], "NOT HEALTHY: backend runs")
	d.Staging.Run(t, "docker stop $(docker ps -q --filter label=com.docker.compose.service=redis --filter label=com.docker.compose.project="+d.Staging.Project()+")")
	green(t, status(), "redis has ended with exit code")
}

// TestReleaseToStaging lets floating tags follow only what staging has run.
func TestReleaseToStaging(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	release := func(version, health string) Result {
		return d.Call(t, append([]string{"--health-url=" + health, "--health-timeout=15s"}, d.Arguments("release", "--version="+version)...)...)
	}
	const file = "docker-compose.prod.ip.yml"
	d.Replace(t, file, "    image: redis:8\n", "    image: redis:8\n    env_file: shop.env\n    volumes: ['./conf:/conf:ro']\n")
	d.Write(t, "conf/motd", "hello")
	d.Commit(t, "a file is forgotten")
	red(t, release("1.2.3", d.Staging.Backend()+"/health"), "Validate Release failed", "docker compose does not accept the compose file", d.Staging.Dir+"/shop.env not found", "Outcome: refused-state")
	if left := d.Staging.Run(t, "ls -A "+d.Staging.Dir); left != ".env" {
		t.Errorf("a release that was refused has written %s", left)
	}
	d.Write(t, "shop.env", "GREETING=hello")
	commit := d.Commit(t, "the file is there")
	digests := d.MakeVersion(t, "1.2.3", commit, nil)
	red(t, release("1.2.3", d.Staging.Backend()+"/nowhere"), "Deploy Staging failed: not healthy after 30s", "/nowhere answers 404", "nothing to restore", "Outcome: deploy-not-restored")
	WantTags(t, d.Prefix, "1.2.3", "sha-"+commit[:7])
	green(t, release("1.2.3", d.Staging.Backend()+"/health"), "1.2.3 is healthy", "Outcome: resumed")
	WantTags(t, d.Prefix, "1.2.3", "sha-"+commit[:7], "1.2", "1", "latest")
	d.Staging.WantRunning(t, digests)
	if got := d.Staging.Run(t, "docker exec $(docker ps -q --filter label=com.docker.compose.service=redis --filter label=com.docker.compose.project="+d.Staging.Project()+") sh -c 'echo $GREETING $(cat /conf/motd)'"); got != "hello hello" {
		t.Errorf("the container has %q of the release's files", got)
	}

	d.Git(t, "checkout", "-q", "-b", "release/1.1", "v1.2.0")
	old := d.SetVersion(t, "1.2.0", "1.1.9")
	d.MakeVersion(t, "1.1.9", old, nil)
	green(t, release("1.1.9", d.Staging.Backend()+"/health"), "staging runs 1.2.3, which is higher")
	d.Staging.WantRunning(t, digests)
	if tags := Tags(t, d.Prefix, "backend"); tags["1.1"] != tags["1.1.9"] || tags["latest"] != digests["backend"] {
		t.Errorf("tags after the backport: %v", tags)
	}
}
