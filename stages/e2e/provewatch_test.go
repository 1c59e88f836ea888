package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// watchEvery is short enough to see each step of a release: one takes longer to read back what it has written.
const watchEvery = 400 * time.Millisecond

// idleEvery is for a registry that nobody writes to: what does not change need not be read again.
const idleEvery = 5 * time.Second

// watcher looks at a repository's images all the time, and writes down what must never be seen.
type watcher struct {
	read func(image, tag string) (digest string, err error)

	mu         sync.Mutex
	versions   []numbered                   // in the order of their numbers
	digests    map[string]map[string]string // image, version
	floats     map[string]numbered          // by image:tag, the version that it was last seen at
	mayGoBack  bool                         // a rollback is under way
	violations []string
	looks      int
}

// watch starts a watcher that ends with the test. It is told when the images were last written to.
func watch(t *testing.T, prefix string, written func() time.Time) *watcher {
	t.Helper()
	puller, err := remote.NewPuller()
	if err != nil {
		t.Fatal(err)
	}
	w := newWatcher(func(image, tag string) (string, error) {
		ref, err := name.NewTag(path.Join(prefix, image) + ":" + tag)
		if err != nil {
			return "", err
		}
		found, err := puller.Head(t.Context(), ref)
		if refused := new(transport.Error); errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return found.Digest.String(), nil
	})
	go func() {
		var last time.Time
		for t.Context().Err() == nil {
			start := time.Now()
			if quiet := start.Sub(written()); quiet < idleEvery || start.Sub(last) > idleEvery {
				w.look()
				last = start
			}
			time.Sleep(max(watchEvery, 4*time.Since(start))) // the registry has others to serve
		}
	}()
	return w
}

func newWatcher(read func(image, tag string) (string, error)) *watcher {
	return &watcher{read: read, digests: map[string]map[string]string{}, floats: map[string]numbered{}}
}

// expect tells it of a version before anything of it is pushed.
func (w *watcher) expect(v numbered) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.versions = append(w.versions, v)
	slices.SortFunc(w.versions, numbered.compare)
}

// allowRollback says whether floating tags may go back from now on.
func (w *watcher) allowRollback(allowed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mayGoBack = allowed
}

// found returns what was seen since it was last asked.
func (w *watcher) found() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.violations
	w.violations = nil
	return all
}

// recent are the versions that can still change: tags of older ones are compared too, but not in each look.
const recent = 2

// look reads what comes last in a release first: what is seen then must have all that comes before, which is read later.
func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	versions := w.versions
	if w.looks++; w.looks%50 != 0 {
		versions = versions[max(0, len(versions)-recent):]
	}
	floats, err := w.readFloats(versions)
	for _, v := range slices.Backward(versions) {
		var numbers, commits map[string]string
		if err == nil {
			numbers, err = w.readAll(v.String())
		}
		if err == nil {
			commits, err = w.readAll(v.sha())
		}
		if err != nil {
			return // a registry that cannot be read tells nothing, and the tests that need it fail
		}
		w.compareVersion(v, numbers, commits)
	}
	w.compareFloats(floats)
}

func (w *watcher) readAll(tag string) (map[string]string, error) {
	all := map[string]string{}
	for _, image := range Images {
		digest, err := w.read(image, tag)
		if err != nil {
			return nil, err
		}
		if digest != "" {
			all[image] = digest
		}
	}
	return all, nil
}

// readFloats returns the floating tags of the versions, by name.
func (w *watcher) readFloats(versions []numbered) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for _, v := range versions {
		for _, tag := range v.floating() {
			if all[tag] != nil {
				continue
			}
			digests, err := w.readAll(tag)
			if err != nil {
				return nil, err
			}
			all[tag] = digests
		}
	}
	return all, nil
}

func (w *watcher) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.violations, text) {
		w.violations = append(w.violations, text)
	}
}

// compareVersion: a version's tag never changes, and stands on no image before all have their commit's tag.
func (w *watcher) compareVersion(v numbered, numbers, commits map[string]string) {
	for _, image := range Images {
		was := w.digests[image][v.String()]
		now := numbers[image]
		if was != "" && now != was {
			w.say("%s:%s was %s and is %q: a version's tag never changes", image, v, was, now)
		}
		if now != "" && w.digests[image] == nil {
			w.digests[image] = map[string]string{}
		}
		if now != "" {
			w.digests[image][v.String()] = now
		}
	}
	if len(numbers) > 0 && len(commits) < len(Images) {
		w.say("%s is on %d images, and %s only on %d", v, len(numbers), v.sha(), len(commits))
	}
}

// compareFloats: a floating tag stands for a version that all images have, and goes back only by a rollback.
func (w *watcher) compareFloats(floats map[string]map[string]string) {
	for tag, digests := range floats {
		for image, digest := range digests {
			v, known := w.versionOf(image, digest)
			if !known {
				w.say("%s:%s is %s, which is no version", image, tag, digest)
				continue
			}
			for _, other := range Images {
				if w.digests[other][v.String()] == "" {
					w.say("%s:%s is %s, which %s does not have", image, tag, v, other)
				}
			}
			if was, seen := w.floats[image+":"+tag]; seen && v.compare(was) < 0 && !w.mayGoBack {
				w.say("%s:%s went back from %s to %s", image, tag, was, v)
			}
			w.floats[image+":"+tag] = v
		}
	}
}

func (w *watcher) versionOf(image, digest string) (numbered, bool) {
	for _, v := range w.versions {
		if w.digests[image][v.String()] == digest {
			return v, true
		}
	}
	return numbered{}, false
}

// TestWatcher shows it what a registry holds, look by look.
func TestWatcher(t *testing.T) {
	t.Parallel()
	one, two := numbered{major: 1, commit: "1111111"}, numbered{major: 1, minor: 1, commit: "2222222"}
	released := map[string]string{"1.0.0": "A", "sha-1111111": "A", "1.0": "A", "1": "A", "latest": "A"}
	on := func(image string, more map[string]string) map[string]map[string]string {
		registry := map[string]map[string]string{}
		for _, each := range Images {
			registry[each] = map[string]string{}
			for _, tags := range []map[string]string{released, more} {
				for tag, digest := range tags {
					if each == image || image == "" || digest == "A" {
						registry[each][tag] = digest
					}
				}
			}
		}
		return registry
	}
	both := map[string]string{"1.1.0": "B", "sha-2222222": "B"}
	moved := map[string]string{"1.1.0": "B", "sha-2222222": "B", "1.1": "B", "1": "B", "latest": "B"}
	for _, test := range []struct {
		name     string
		looks    []map[string]map[string]string
		rollback bool
		want     int
	}{
		{"a release", []map[string]map[string]string{on("", nil), on("backend", map[string]string{"sha-2222222": "B"}), on("", both), on("", moved)}, false, 0},
		{"a version moves", []map[string]map[string]string{on("", both), on("backend", map[string]string{"1.1.0": "C", "sha-2222222": "C"})}, false, 4},
		{"a version goes", []map[string]map[string]string{on("", both), on("", map[string]string{"sha-2222222": "B"})}, false, 3},
		{"a version before all commit tags", []map[string]map[string]string{on("backend", both)}, false, 1},
		{"a floating tag before all versions", []map[string]map[string]string{on("backend", moved)}, false, 7},
		{"a floating tag of no version", []map[string]map[string]string{on("", map[string]string{"latest": "X"})}, false, 3},
		{"a floating tag goes back", []map[string]map[string]string{on("", moved), on("", both)}, false, 6},
		{"a rollback", []map[string]map[string]string{on("", moved), on("", both)}, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var registry map[string]map[string]string
			w := newWatcher(func(image, tag string) (string, error) { return registry[image][tag], nil })
			w.expect(two)
			w.expect(one)
			w.allowRollback(test.rollback)
			for _, registry = range test.looks {
				w.look()
			}
			if got := w.found(); len(got) != test.want {
				t.Errorf("%d violations, want %d: %q", len(got), test.want, got)
			}
		})
	}
}
