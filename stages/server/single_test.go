package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
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
		there[0].Mounts = []struct{ Type, Name, Destination string }{{"bind", "", "/etc/conf"}, {"volume", name, "/data"}}
		all := p.singles(Environment{}, pins, there)
		if (len(all) == 1) != single || single && (all[0].Why != "it keeps /data in a volume without a name" || !all[0].beside) {
			t.Errorf("%s: got %+v", name, all)
		}
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
