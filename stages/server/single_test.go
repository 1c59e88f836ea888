package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSingle(t *testing.T) {
	for _, c := range []struct {
		name, service, is string
		why               string // empty: it can run twice
		beside            bool   // and yet a second one can be tried
	}{
		{"a web application", "api", `{}`, "", false},
		{"a worker", "worker", `{"command":["arq","worker.Settings"]}`, "", false},
		{"a port of the server", "web", `{"ports":[{"target":80,"published":"8080"}]}`, "it publishes port 8080", true},
		{"a range of ports", "web", `{"ports":[{"target":80,"published":"8080-8089"}]}`, "it publishes port 8080-8089", true},
		{"a port that Docker chooses", "web", `{"ports":[{"target":80}]}`, "", false},
		{"a port that Docker chooses, said so", "web", `{"ports":[{"target":80,"published":"0"}]}`, "", false},
		{"the second port", "web", `{"ports":[{"target":80},{"target":443,"published":"443"}]}`, "it publishes port 443", true},
		{"a name of its own", "web", `{"container_name":"shop"}`, "it has a name of its own (shop)", true},
		{"the host's network", "web", `{"network_mode":"host"}`, "it shares a network (host)", false},
		{"another service's network", "web", `{"network_mode":"service:vpn"}`, "it shares a network (service:vpn)", false},
		{"another container's network", "web", `{"network_mode":"container:vpn"}`, "it shares a network (container:vpn)", false},
		{"no network", "web", `{"network_mode":"none"}`, "", false},
		{"Docker's own network", "web", `{"network_mode":"bridge"}`, "", false},
		{"networks", "web", `{"networks":{"a":null,"b":{}}}`, "", false},
		{"an alias", "web", `{"networks":{"a":{"aliases":["shop"]}}}`, "", false},
		{"an address", "web", `{"networks":{"a":{"ipv4_address":"10.0.0.2"}}}`, "it has an address of its own", false},
		{"an IPv6 address", "web", `{"networks":{"a":{"ipv6_address":"fd00::2"}}}`, "it has an address of its own", false},
		{"a hardware address in a network", "web", `{"networks":{"a":{"mac_address":"02:42:ac:11:65:43"}}}`, "it has an address of its own", false},
		{"a hardware address", "web", `{"mac_address":"02:42:ac:11:65:43"}`, "it has an address of its own", false},
		{"it says so", "web", `{"labels":{"slipway.order":"stop-first"}}`, "it says so (stop-first)", false},
		{"it says so to Swarm", "web", `{"deploy":{"update_config":{"order":"stop-first"}}}`, "it says so (stop-first)", false},
		{"our label is stronger", "web", `{"labels":{"slipway.order":"start-first"},"deploy":{"update_config":{"order":"stop-first"}}}`, "", false},
		{"a scheduler by its name", "celery-beat", `{}`, "it looks like a scheduler (beat)", false},
		{"a scheduler by its name, in capitals", "Shop_Cron", `{}`, "it looks like a scheduler (cron)", false},
		{"a name that only contains the word", "heartbeat", `{}`, "", false},
		{"a scheduler by its command", "jobs", `{"command":["celery","-A","app","beat"]}`, "it looks like a scheduler (beat)", false},
		{"a scheduler by its entrypoint", "jobs", `{"entrypoint":["/usr/local/bin/supercronic","/crontab"]}`, "it looks like a scheduler (supercronic)", false},
		{"a scheduler in a worker", "jobs", `{"command":["celery","-A","app","worker","-B"]}`, "it looks like a scheduler (-B)", false},
		{"a scheduler in a shell", "jobs", `{"command":["sh","-c","alembic upgrade head && exec celery -A app worker -B"]}`, "it looks like a scheduler (-B)", false},
		{"a scheduler of one's own", "jobs", `{"command":["python","-u","app/scheduler.py"]}`, "it looks like a scheduler (scheduler)", false},
		{"python without bytecode", "jobs", `{"command":["python","-B","main.py"]}`, "", false},
		{"celery's worker by python without bytecode", "jobs", `{"command":["python","-B","-m","celery","worker"]}`, "", false},
		{"a scheduler by the end of its name", "celerybeat", `{}`, "it looks like a scheduler (celerybeat)", false},
		{"another one", "taskscheduler", `{}`, "it looks like a scheduler (taskscheduler)", false},
		{"one with a number", "shop-anacron.2", `{}`, "it looks like a scheduler (anacron)", false},
		{"a scheduler by its script's name", "jobs", `{"command":["/start-celerybeat"]}`, "it looks like a scheduler (celerybeat)", false},
		{"a scheduler by its script's name in a shell", "jobs", `{"command":["sh","-c","sleep 5; exec ./start_celerybeat.sh"]}`, "it looks like a scheduler (celerybeat)", false},
		{"a scheduler by a command of Django", "jobs", `{"command":["python","manage.py","runapscheduler"]}`, "it looks like a scheduler (runapscheduler)", false},
		{"a script whose name begins so", "jobs", `{"entrypoint":["/entrypoint"],"command":["cron-jobs.sh"]}`, "it looks like a scheduler (cron)", false},
		{"a heartbeat in a script's name", "jobs", `{"command":["/start-heartbeat"]}`, "", false},
		{"a name that only ends like one", "micron", `{"command":["/omicron"]}`, "", false},
		{"a scheduler that is only waited for", "web", `{"command":["wait-for","task-scheduler:8080","--scheduler","--","gunicorn","scheduler.wsgi:app"]}`, "", false},
		{"a queue that is called so", "jobs", `{"command":["celery","-A","app","worker","-Q","cron-jobs"]}`, "", false},
		{"a name of its own, found by Caddy", "web", `{"container_name":"shop","labels":{"caddy":"shop.example.com","caddy.reverse_proxy":"{{upstreams}}"}}`, "it has a name of its own (shop)", false},
		{"a port of the server, found by Caddy", "web", `{"ports":[{"published":"80"}],"labels":{"caddy_1":"shop.example.com"}}`, "it publishes port 80", false},
		{"a name of its own, and a label that only begins like Caddy's", "web", `{"container_name":"shop","labels":{"caddyfile":"no"}}`, "it has a name of its own (shop)", true},
		{"a scheduler that may run twice", "celery-beat", `{"labels":{"slipway.order":"start-first"}}`, "", false},
		{"a scheduler that may run twice, with a port", "celery-beat", `{"labels":{"slipway.order":"start-first"},"ports":[{"published":"80"}]}`, "it publishes port 80", true},
		{"a scheduler with a name of its own is not tried", "cron", `{"container_name":"cron"}`, "it looks like a scheduler (cron)", false},
		{"what says stop-first is not tried", "web", `{"container_name":"web","labels":{"slipway.order":"stop-first"}}`, "it says so (stop-first)", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s service
			if err := json.Unmarshal([]byte(c.is), &s); err != nil {
				t.Fatal(err)
			}
			one := s.single(c.service)
			if one == nil && c.why != "" || one != nil && (one.Why != c.why || one.beside != c.beside || one.Change == "") {
				t.Errorf("got %+v, want %q, beside %t", one, c.why, c.beside)
			}
		})
	}
}

// A volume without a name goes from a container to its successor, which docker compose sees to, so that two cannot have it.
func TestSingleByItsVolume(t *testing.T) {
	p := &project{compose: compose{Services: map[string]service{"api": {}, "ends": {ends: true}, "off": {inactive: true}}}}
	pins := map[string]string{"api": "r/a@sha256:1", "ends": "r/a@sha256:1", "off": "r/a@sha256:1"}
	there := []container{running()}
	if got := p.rolling(Environment{}, pins, there); !slices.Equal(got, []string{"api"}) {
		t.Errorf("started beside are %v", got)
	}
	for name, single := range map[string]bool{strings.Repeat("0a", 32): true, "shop_data": false} {
		there[0].Mounts = []mounted{{Type: "bind", Destination: "/etc/conf"}, {Type: "volume", Name: name, Destination: "/data", RW: true}}
		all := p.singles(Environment{}, pins, there)
		if (len(all) == 1) != single || single && (all[0].Why != "it keeps /data in a volume without a name" || !all[0].beside) {
			t.Errorf("%s: got %+v", name, all)
		}
	}
}

// TestSingleByItsPort: a database, or another store, of the team's own writes to its volume, and two would write to the same.
// A container that runs, or an image once it is pulled, says by a port what it is.
func TestSingleByItsPort(t *testing.T) {
	exposes := func(port string) portSet { return portSet{"80/tcp": {}, port: {}} }
	for _, c := range []struct {
		name, service    string
		container, image portSet
		why              string
	}{
		{"a database that runs", `{}`, exposes("5432/tcp"), nil, "it looks like a database or another store (port 5432)"},
		{"a queue that is to run", `{}`, nil, exposes("6379/tcp"), "it looks like a database or another store (port 6379)"},
		{"a database with a name of its own is not tried", `{"container_name":"db"}`, exposes("5432/tcp"), nil, "it looks like a database or another store (port 5432)"},
		{"a database with a port of the server is not tried", `{"ports":[{"published":"5432"}]}`, exposes("5432/tcp"), nil, "it looks like a database or another store (port 5432)"},
		{"what says that it may run twice", `{"labels":{"slipway.order":"start-first"}}`, exposes("9200/tcp"), nil, ""},
		{"an application on a store's port, with no volume", `{}`, exposes("8086/tcp"), exposes("8086/tcp"), ""},
		{"a pooler, a queue or a cache without a volume", `{}`, exposes("6432/tcp"), nil, "it looks like a database or another store (port 6432)"},
		{"one that gets its settings", `{"volumes":[{"type":"bind","source":"/conf","read_only":true}]}`, exposes("8086/tcp"), nil, ""},
		{"one that gets its first volume", `{"volumes":[{"type":"volume","source":"data"}]}`, exposes("8086/tcp"), nil, "it looks like a database or another store (port 8086)"},
		{"a web application", `{}`, exposes("8000/tcp"), exposes("8000/tcp"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s service
			if err := json.Unmarshal([]byte(c.service), &s); err != nil {
				t.Fatal(err)
			}
			there := running()
			there.Config.ExposedPorts = c.container
			there.Mounts = []mounted{{Type: "bind", Destination: "/run/secrets/key"}}
			if strings.Contains(c.name, "database") {
				there.Mounts = []mounted{{Type: "volume", Name: "data", Destination: "/data", RW: true}}
			}
			p := &project{compose: compose{Services: map[string]service{"api": s}}, exposed: map[string]portSet{"api": c.image}}
			one := p.single("api", []container{there})
			if one == nil && c.why != "" || one != nil && (one.Why != c.why || one.beside || one.Change == "") {
				t.Errorf("got %+v, want %q", one, c.why)
			}
		})
	}
}

// TestSchedulerIsNeverTried: a volume without a name lets a trial be, and a scheduler does not.
func TestSchedulerIsNeverTried(t *testing.T) {
	p := &project{compose: compose{Services: map[string]service{"api": {Command: []string{"crond"}}}}}
	there := []container{running()}
	there[0].Mounts = []mounted{{Type: "volume", Name: strings.Repeat("0a", 32), Destination: "/data", RW: true}}
	if one := p.single("api", there); one == nil || one.beside {
		t.Errorf("got %+v", one)
	}
}

func TestReplicas(t *testing.T) {
	for text, want := range map[string]int{`{}`: 1, `{"scale":2}`: 2, `{"scale":0}`: 0, `{"deploy":{"replicas":3}}`: 3, `{"deploy":{"replicas":0}}`: 0, `{"scale":2,"deploy":{"replicas":2}}`: 2} {
		var s service
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if got := s.replicas(); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

// TestDatabaseOfOnesOwn: a database whose image the team builds never runs twice on its volume, and is saved like any other.
func TestDatabaseOfOnesOwn(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"a named volume": "", "a port": "    ports: [\"5432:5432\"]\n", "a name": "    container_name: db\n"} {
		t.Run(name, func(t *testing.T) {
			own := strings.Replace(shopCompose, "image: postgres:17\n", "image: ${REGISTRY}/postgres:${VERSION}\n"+more, 1)
			s := standIn(t)
			for _, version := range []string{"1.0.0", "1.1.0"} {
				s.image("postgres", version, behaviour{database: true, healthyAfter: 10 * time.Millisecond})
				s.image("backend", version, behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("one"))
			}
			s.deploy(t, "1.0.0", own)
			p, err := Preflight(t.Context(), s.environment(), s.release("1.1.0", own))
			if err != nil || len(p.Singles) != 1 || !slices.Equal(p.Beside, []string{"backend"}) {
				t.Fatalf("got %+v, %v", p, err)
			}
			if got, want := p.Singles[0].String(), "db is stopped before its successor starts: it looks like a database or another store (port 5432); label it slipway.order: start-first if it may run twice for a while"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if done := s.deploy(t, "1.1.0", own); done.Backup == "" {
				t.Errorf("got %+v, want a backup", done)
			}
			wantRunning(t, s, map[string]string{"backend": "backend:1.1.0", "db": "postgres:1.1.0"})
			if trials := s.lines("compose run --name"); s.db.torn || len(trials) > 0 {
				t.Errorf("two have written to one volume: %t; tried: %q", s.db.torn, trials)
			}
		})
	}
}

// TestPreflightNamesSingles: who cannot run twice is known before anything is done, by what runs there as well.
func TestPreflightNamesSingles(t *testing.T) {
	t.Parallel()
	file := oneService + "    volumes: [/data]\n  beat:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n"
	s := standIn(t)
	s.image("backend", "1.0.0", good)
	for _, want := range [][]string{
		{"beat is stopped before its successor starts: it looks like a scheduler (beat); label it slipway.order: start-first if it may run twice for a while"},
		{"backend is stopped before its successor starts: it keeps /data in a volume without a name; give the volume a name",
			"beat is stopped before its successor starts: it looks like a scheduler (beat); label it slipway.order: start-first if it may run twice for a while"},
	} {
		p, err := Preflight(t.Context(), s.environment(), s.release("1.0.0", file))
		var got []string
		for _, one := range p.Singles {
			got = append(got, one.String())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		s.deploy(t, "1.0.0", file)
	}
}

// TestKeeps: what a restore leaves running, and a backup starts.
func TestKeeps(t *testing.T) {
	volume := []mounted{{Type: "volume", Name: "data", Destination: "/data", RW: true}}
	for _, c := range []struct {
		name, service, port string
		mounts              []mounted
		keeps               bool
	}{
		{"a database of ours", `{}`, "5432/tcp", volume, true},
		{"an application of ours", `{}`, "8086/tcp", nil, false},
		{"one with a secret", `{}`, "8086/tcp", []mounted{{Type: "bind", Destination: "/run/secrets/key"}}, false},
		{"one with files of its own", `{}`, "8086/tcp", volume, true},
		{"one that may run twice", `{"labels":{"slipway.order":"start-first"}}`, "8086/tcp", volume, false},
		{"the same in Swarm's words", `{"deploy":{"update_config":{"order":"start-first"}}}`, "9200/tcp", volume, false},
		{"a pooler of ours", `{}`, "6432/tcp", nil, true},
		{"no store", `{}`, "8000/tcp", volume, false},
	} {
		var s service
		if err := json.Unmarshal([]byte(c.service), &s); err != nil {
			t.Fatal(err)
		}
		s.Image = "r/api@sha256:1"
		one := running(func(one *container) { one.Config.ExposedPorts, one.Mounts = portSet{c.port: {}}, c.mounts })
		d := &deployment{previous: &project{compose: compose{Services: map[string]service{"api": s}}}, pins: map[string]string{"api": "r/api@sha256:2"}}
		if got := d.keeps(storePorts, one); got != c.keeps {
			t.Errorf("%s: got %t", c.name, got)
		}
		if d.pins = nil; d.keeps(storePorts, one) != (c.port != "8000/tcp") {
			t.Errorf("%s, of others: not as its port says", c.name)
		}
	}
}
