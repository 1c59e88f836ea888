package server

import (
	"slices"
	"strings"
	"testing"
)

// nginxes are images as they are out there.
var (
	official = behaviour{entrypoint: []string{"/docker-entrypoint.sh"}, command: []string{"nginx", "-g", "daemon off;"}}
	hardened = behaviour{entrypoint: []string{"/usr/sbin/nginx"}, command: []string{"-c", "/etc/nginx/nginx.conf", "-g", "daemon off;"}}
)

func TestNginx(t *testing.T) {
	for _, c := range []struct {
		line []string
		want string
	}{
		{[]string{"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"}, "nginx -g daemon off; -s reload"},
		{[]string{"nginx", "-g", "daemon off;"}, "nginx -g daemon off; -s reload"},
		{[]string{"/usr/sbin/nginx", "-c", "/etc/nginx/nginx.conf"}, "/usr/sbin/nginx -c /etc/nginx/nginx.conf -s reload"},
		{[]string{"/docker-entrypoint.sh", "nginx-debug", "-g", "daemon off;"}, "nginx-debug -g daemon off; -s reload"},
		{[]string{"/usr/local/openresty/bin/openresty", "-g", "daemon off;"}, "/usr/local/openresty/bin/openresty -g daemon off; -s reload"},
		{[]string{"tini", "--", "nginx"}, "nginx -s reload"},
		{[]string{"/bin/sh", "-c", "envsubst < a > b && exec nginx -g 'daemon off;'"}, "nginx -g daemon off; -s reload"},
		{[]string{"/docker-entrypoint.sh", "/bin/sh", "-c", "while :; do sleep 6h & wait $!; nginx -s reload; done & nginx -g 'daemon off;'"}, "nginx -g daemon off; -s reload"},
		{[]string{"sh", "-c", "envsubst < a > /tmp/n.conf && nginx -t -c /tmp/n.conf && exec nginx -c /tmp/n.conf -p /srv/ -g \"pid /tmp/n.pid; daemon off;\" 2>&1 | tee log"},
			"nginx -c /tmp/n.conf -p /srv/ -g pid /tmp/n.pid; daemon off; -s reload"},
		{[]string{"sh", "-c", "sleep 10 && nginx > log; nginx -s quit"}, "nginx -s reload"},
		{[]string{"sh", "-c", "nginx -c $CONF"}, ""},
		{[]string{"sh", "-c", "nginx -c /etc/$ENV.conf"}, ""},
		{[]string{"sh", "-c", "nginx -g \"pid $PID;\""}, ""},
		{[]string{"sh", "-c", "while sleep 6h; do nginx -s reload; done"}, ""},
		{[]string{"bash", "-c", "php-fpm -D; /usr/sbin/nginx"}, "/usr/sbin/nginx -s reload"},
		{[]string{"bash", "-c", "nginx-prometheus-exporter"}, ""},
		{[]string{"nginx-prometheus-exporter", "--nginx.scrape-uri=http://nginx:80/status"}, ""},
		{[]string{"sh", "-c", "chown -R 1 /etc/nginx && exec php-fpm"}, ""},
		{[]string{"tail", "-f", "/var/log/nginx"}, ""},
		{[]string{"wait-for", "nginx:80", "--", "app"}, ""},
		{[]string{"gunicorn", "nginx"}, ""},
		{[]string{"caddy", "run"}, ""},
		{nil, ""},
	} {
		one := container{Args: slices.Clone(c.line)}
		if len(c.line) > 0 {
			one.Path, one.Args = c.line[0], one.Args[1:]
		}
		if got := strings.Join(one.nginx(), " "); got != c.want {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
	}
}

// TestNginxIsTold: one that was never labelled finds the new containers all the same, unless it says that it will not.
func TestNginxIsTold(t *testing.T) {
	t.Parallel()
	plain := strings.Replace(front, "    labels: {slipway.reload: reload proxy}\n", "", 1)
	ours := strings.Replace(plain, "image: nginx:1", "image: ${REGISTRY}/front:${VERSION}", 1)
	const short, renewed, long = "docker exec app-proxy-1 nginx -g daemon off; -s reload", "docker exec new app-proxy-1 nginx -g daemon off; -s reload", "docker exec app-proxy-1 /usr/sbin/nginx -c /etc/nginx/nginx.conf -g daemon off; -s reload"
	const second = "docker exec new app-proxy-2 nginx -g daemon off; -s reload"
	beside := strings.Replace(ours, "    ports: [\"80:80\"]\n", "", 1)
	single := strings.NewReplacer("scale: 2", "ports: [\"81:81\"]", "    labels: {slipway.drain: 150ms}", "    labels: {slipway.order: stop-first}").Replace(plain)
	for _, c := range []struct {
		name, file, next string
		does             behaviour
		want             []string
	}{
		{"its own image", plain, plain, official, []string{short, short}},
		{"without a shell", plain, plain, hardened, []string{long, long}},
		{"before what cannot run twice", single, single, official, []string{short}},
		{"an image of ours that publishes a port", ours, ours, official, []string{short, short, renewed}},
		{"an image of ours whose new container starts beside", beside, beside, official, []string{second, second, second}},
		{"switched off", strings.Replace(front, "reload proxy", `""`, 1), strings.Replace(front, "reload proxy", `""`, 1), official, nil},
		{"is switched off", plain, strings.Replace(front, "reload proxy", `""`, 1), official, nil},
		{"is labelled", plain, strings.Replace(front, "reload proxy", "nginx -s reload", 1), official, []string{short, short, "docker exec new app-proxy-1 sh -c nginx -s reload"}},
		{"another program", plain, plain, behaviour{command: []string{"caddy", "run"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := standIn(t)
			s.public("nginx:1", c.does)
			s.public("postgres:17", behaviour{})
			s.program("nginx", "exit 0")
			s.program("drain", "exit 0")
			for _, v := range []string{"1.0.0", "1.1.0"} {
				s.image("web", v, good)
				s.image("worker", v, behaviour{})
				if strings.Contains(c.file, "/front:") {
					s.image("front", v, c.does)
				}
			}
			// The program of an image without a shell lies outside of any folder of the stand-in.
			for range 9 {
				s.on("exec /usr/sbin/nginx", fail(0, ""))
			}
			s.deploy(t, "1.0.0", c.file)
			old, mark := s.all(), s.mark()
			s.deploy(t, "1.1.0", c.next)
			now := s.all()
			var told []string
			for _, l := range s.since(mark) {
				text := l.String()
				for name, id := range old {
					text = strings.ReplaceAll(text, id, name)
				}
				for name, id := range now {
					text = strings.ReplaceAll(text, id, "new "+name)
				}
				if strings.HasPrefix(text, "docker exec") && strings.HasSuffix(text, "reload") {
					told = append(told, text)
				}
			}
			if !slices.Equal(told, c.want) {
				t.Errorf("told:\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestNginxThatCannotBeTold: it would serve nobody, so the old containers stay, as with a label.
func TestNginxThatCannotBeTold(t *testing.T) {
	t.Parallel()
	plain := strings.Replace(front, "    labels: {slipway.reload: reload proxy}\n", "", 1)
	s := standIn(t)
	s.public("nginx:1", official)
	s.public("postgres:17", behaviour{})
	s.program("drain", "exit 0")
	s.program("nginx", "exit 0")
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.image("web", v, good)
		s.image("worker", v, behaviour{})
	}
	s.deploy(t, "1.0.0", plain)
	s.program("nginx", `echo 'nginx: [emerg] host not found in upstream "api"' >&2; exit 1`)
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", plain))
	want := `slipway.reload of proxy ("nginx -g daemon off; -s reload") ended with exit code 1: nginx: [emerg] host not found in upstream "api"`
	if f := failure(t, err); f.State != Kept || !strings.Contains(err.Error(), want) {
		t.Errorf("got %s: %v", f.State, err)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
}

// plainFront is the front whose nginx nobody labelled.
var plainFront = strings.Replace(front, "    labels: {slipway.reload: reload proxy}\n", "", 1)

const deafProxy = `slipway.reload of proxy ("nginx -g daemon off; -s reload") ended with exit code 1: nginx: [emerg] host not found in upstream "api"`

// TestNginxThatNeedNotBeTold: one without a label stops a release only where nobody would be served by it.
func TestNginxThatNeedNotBeTold(t *testing.T) {
	t.Parallel()
	single := strings.NewReplacer("scale: 2", "ports: [\"81:81\"]", "    labels: {slipway.drain: 150ms}", "    labels: {slipway.order: stop-first}").Replace(plainFront)
	folder := strings.Replace(plainFront, "    ports: [\"80:80\"]\n", "    ports: [\"80:80\"]\n    volumes: [\"./conf:/etc/nginx/conf.d:ro\"]\n", 1)
	conf := func(text string) File { return File{Path: "conf/a.conf", Text: []byte(text)} }
	for _, c := range []struct {
		name, file    string
		before, after []File
		warns         bool
		first         bool // it is deaf from the first deployment on
	}{
		{"it has just started", plainFront, nil, nil, false, true},
		{"nothing runs beside", single, nil, nil, true, false},
		{"it is about to be replaced, for its files", folder, []File{conf("one")}, []File{conf("two")}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := standIn(t)
			s.public("nginx:1", official)
			s.public("postgres:17", behaviour{})
			s.program("drain", "exit 0")
			deaf := `echo 'nginx: [emerg] host not found in upstream "api"' >&2; exit 1`
			s.program("nginx", "exit 0")
			for _, v := range []string{"1.0.0", "1.1.0"} {
				s.image("web", v, good)
				s.image("worker", v, behaviour{})
			}
			if c.first {
				s.program("nginx", deaf)
			}
			result, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", c.file, c.before...))
			if err == nil && !c.first {
				s.program("nginx", deaf)
				result, err = Deploy(t.Context(), s.environment(), s.release("1.1.0", c.file, c.after...))
			}
			if err != nil {
				t.Fatal(err)
			}
			warnings := slices.DeleteFunc(result.Figures, func(f string) bool { return !strings.HasPrefix(f, "warning: ") })
			if c.warns && !slices.Equal(warnings, []string{"warning: " + deafProxy}) || !c.warns && len(warnings) > 0 {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
}

// TestNginxOnTheWayBack: it stops nobody from coming back to what ran.
func TestNginxOnTheWayBack(t *testing.T) {
	t.Parallel()
	s := frontShop(t, plainFront, good)
	s.set(func() { s.container("app-proxy-1").does = official })
	s.program("nginx", "exit 0")
	s.onNth(2, "compose up", func(*dockerd, *call) error {
		s.program("nginx", "echo deaf >&2; exit 1")
		return ends(1, "no space left")
	})
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", plainFront))
	if f := failure(t, err); f.State != Restored {
		t.Errorf("got %s: %v", f.State, err)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
}
