package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// turnstile holds back the requests that it matches until it is opened.
type turnstile struct {
	*labtest.Proxy
	reached, opened chan struct{}
	open            func()
}

// newTurnstile stands in front of a server; the pattern is for METHOD and path.
func newTurnstile(t *testing.T, target, pattern string) turnstile {
	t.Helper()
	at, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	s := turnstile{reached: make(chan struct{}), opened: make(chan struct{})}
	s.open = sync.OnceFunc(func() { close(s.opened) })
	t.Cleanup(s.open)
	arrive := sync.OnceFunc(func() { close(s.reached) })
	matches, forward := regexp.MustCompile(pattern), httputil.NewSingleHostReverseProxy(at)
	s.Proxy = listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if matches.MatchString(r.Method + " " + r.URL.Path) {
			arrive()
			<-s.opened
		}
		forward.ServeHTTP(w, r)
	}))
	return s
}

// await fails the test when nobody has come to the turnstile in time.
func (s turnstile) await(t *testing.T) {
	t.Helper()
	select {
	case <-s.reached:
	case <-time.After(2 * time.Minute):
		t.Fatal("no run has come to the turnstile")
	}
}

// awaitWaiter returns when a run fetches the lock to see who holds it, which only one does that found it taken.
func awaitWaiter(t *testing.T, forge *labtest.Proxy) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if slices.ContainsFunc(forge.Requests(), func(r labtest.Request) bool { return strings.Contains(r.Body, "ref-prefix refs/slipway/lock") }) {
			return
		}
	}
	t.Fatal("no run waits for the lock")
}

// start is a call in the background.
func (s Shop) start(t *testing.T, args ...string) <-chan Result {
	ended := make(chan Result, 1)
	go func() { ended <- s.Call(t, args...) }()
	return ended
}

// newSmallForgeShop is a repository on the forge whose release takes seconds, behind a proxy.
func newSmallForgeShop(t *testing.T) (forgeShop, *labtest.Proxy) {
	t.Helper()
	f := newForgeShop(t)
	f.makeSmall(t)
	f.push(t, "main")
	return f, f.through(t)
}

// smallArguments release the tiny images to the registry behind the proxy.
func (f forgeShop) smallArguments(reg proxied, version string, more ...string) []string {
	return append(append([]string{tinyImages}, f.arguments(reg.through(), version)...), more...)
}

// outcomes are how the runs ended, in alphabetical order.
func outcomes(results ...Result) []string {
	var found []string
	for _, r := range results {
		found = append(found, regexp.MustCompile(`Outcome: \S+`).FindString(r.Output()))
	}
	slices.Sort(found)
	return found
}

// TestTwoRunsOfOneRelease start together, as a pushed tag and a job do: the second waits, and finds everything done (L3).
func TestTwoRunsOfOneRelease(t *testing.T) {
	t.Parallel()
	f, forge := newSmallForgeShop(t)
	hold := newTurnstile(t, "http://"+labtest.Registry(t), "^PUT .*/manifests/")
	reg := proxied{hold.Proxy, NewPrefix(t)}
	refs := f.remoteRefs(t)
	one, two := f.start(t, f.smallArguments(reg, "1.2.3")...), f.start(t, f.smallArguments(reg, "1.2.3")...)
	hold.await(t)
	awaitWaiter(t, forge)
	hold.open()
	if got := outcomes(<-one, <-two); !slices.Equal(got, []string{"Outcome: already-released", "Outcome: released"}) {
		t.Errorf("the runs ended as %v", got)
	}
	commit := f.Git(t, "rev-parse", "HEAD")
	refs["refs/tags/v1.2.3"] = commit
	wantRefs(t, f.remoteRefs(t), refs)
	reg.wantTags(t, "1.2.3", "sha-"+commit[:7], "1.2", "1", "latest")
	for _, image := range Images {
		for _, tag := range []string{"sha-" + commit[:7], "1.2.3", "latest"} {
			if n := reg.count(http.MethodPut, "/"+image+"/manifests/"+tag); n != 1 {
				t.Errorf("%s:%s was written %d times, want once", image, tag, n)
			}
		}
	}
	if all := f.releases(t); len(all) != 1 || all[0].Draft || len(all[0].Assets) != 5 {
		t.Errorf("the releases are %+v", all)
	}
}

// takeLock makes the lock somebody else's, whoever had it, from another repository: nobody touches the shop while it is read.
func (f forgeShop) takeLock(t *testing.T, from Shop, text string) (blob string) {
	t.Helper()
	blob = from.gitReads(t, text, "hash-object", "-w", "--stdin")
	from.Git(t, "push", "-q", "--force", f.address(f.token), blob+":refs/slipway/lock")
	return blob
}

// TestLocked meets a lock of another version, whose run is at work and renews it.
func TestLocked(t *testing.T) {
	t.Parallel()
	f, _ := newSmallForgeShop(t)
	prefix := NewPrefix(t)
	before, other := f.remoteRefs(t), Shop{Dir: t.TempDir(), env: f.env}
	other.Git(t, "init", "-q")
	ended := f.start(t, append([]string{tinyImages}, f.arguments(prefix, "1.2.3")...)...)
	for beat := 0; ; beat++ {
		before["refs/slipway/lock"] = f.takeLock(t, other, lockBlob(t, "9.9.9", beat))
		select {
		case r := <-ended:
			red(t, r, "is locked by the release of 9.9.9 (commit 0123456) by Ada, since 2026-01-02 03:04:05 UTC (", "--lock-wait", "Outcome: locked")
			wantRefs(t, f.remoteRefs(t), before)
			WantTags(t, prefix)
			return
		case <-time.After(time.Second):
		}
	}
}

func lockBlob(t *testing.T, version string, beat int) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"run": "x", "who": "Ada", "version": version, "commit": "0123456789abcdef", "since": "2026-01-02T03:04:05Z", "beat": beat})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
