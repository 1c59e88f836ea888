package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
)

// lockRef is a ref outside of branches and tags that points to a blob which says who holds the lock (L1).
const lockRef = "refs/slipway/lock"

const (
	lockBeat = 30 * time.Second
	lockPoll = 5 * time.Second
	// A holder that did not rewrite its blob for so long is gone: six beats have failed.
	lockStale = 3 * time.Minute
)

var errLockLost = errors.New("another run has taken the release lock over")

// holder is what the blob says. Every blob is unique, so that no two runs can push the same one.
type holder struct {
	Run     string    `json:"run"`
	Who     string    `json:"who"`
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	Since   time.Time `json:"since"`
	Beat    int       `json:"beat"`
}

func (h holder) String() string {
	if h.Run == "" {
		return "an unknown run"
	}
	return fmt.Sprintf("the release of %s (commit %s) by %s, since %s", h.Version, h.Commit[:min(7, len(h.Commit))], h.Who, h.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// lock is this run's hold on the repository.
type lock struct {
	mu     sync.Mutex
	git    *dagger.Container
	url    string
	holder holder
	blob   string // what the ref points to while the lock is ours
	lost   error
	stop   chan struct{}
	done   chan struct{}
}

// parseLockWait reads minutes or a duration.
func parseLockWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if minutes, e := strconv.ParseUint(text, 10, 16); e == nil {
		wait, err = time.Duration(minutes)*time.Minute, nil
	}
	if err != nil || wait < 0 || wait > 24*time.Hour {
		return 0, fmt.Errorf("--lock-wait: expected minutes or a duration such as 90s, up to 24h, found %q", text)
	}
	return wait, nil
}

// lockMove is what a run does about a lock that it sees.
type lockMove string

const (
	moveTake lockMove = "take" // free, or its holder is gone
	moveWait lockMove = "wait"
	moveFail lockMove = "fail"
)

// lockView is what a waiter has observed itself. It trusts no clock but its own.
type lockView struct {
	blob      string        // empty: free
	unchanged time.Duration // for how long it has seen this very blob
	waited    time.Duration
	same      bool // the holder releases the same version of the same commit
	allowed   time.Duration
}

// move decides by L3.
func (v lockView) move() lockMove {
	switch {
	case v.blob == "" || v.unchanged >= lockStale:
		return moveTake
	case v.same || v.waited < v.allowed:
		return moveWait
	}
	return moveFail
}

// acquireLock takes the repository's lock, waits for it, or fails with the outcome locked. Without a remote, or in a dry
// run, there is none to take.
func (r *Run) acquireLock(ctx context.Context) error {
	if r.DryRun || !r.remote.read {
		return nil
	}
	l := &r.lock
	l.git, l.url = r.git, r.remote.url
	l.holder = holder{Run: r.nonce, Who: r.who(), Version: r.Version.String(), Commit: r.source.commit, Since: time.Now().UTC()}
	w := waiter{began: time.Now(), allowed: r.lockWait}
	for {
		taken, err := l.try(ctx, &w)
		if err != nil {
			return r.blame(err)
		}
		if taken {
			return nil
		}
	}
}

// waiter is what a run remembers while it waits.
type waiter struct {
	began   time.Time
	allowed time.Duration
	blob    string
	since   time.Time // it has seen this blob
	held    holder
}

// try looks at the lock once and does what the rules say about it.
func (l *lock) try(ctx context.Context, w *waiter) (taken bool, err error) {
	blob, err := l.read(ctx)
	if err != nil {
		return false, explainRemote(l.url, err)
	}
	if blob != w.blob || w.since.IsZero() {
		w.blob, w.since, w.held = blob, time.Now(), l.heldBy(ctx, blob)
	}
	switch w.view(l.holder).move() {
	case moveTake:
		return l.take(ctx, blob)
	case moveWait:
		if retry.Sleep(ctx, lockPoll) == nil {
			return false, nil
		}
	}
	return false, lockedBy(w.held)
}

func (w *waiter) view(own holder) lockView {
	return lockView{
		blob: w.blob, unchanged: time.Since(w.since), waited: time.Since(w.began), allowed: w.allowed,
		same: w.held.Version == own.Version && w.held.Commit == own.Commit,
	}
}

func lockedBy(held holder) error {
	text := held.String()
	if !held.Since.IsZero() {
		text += fmt.Sprintf(" (%s ago)", time.Since(held.Since).Round(time.Second))
	}
	return &failure{
		err:     fmt.Errorf("the repository is locked by %s", text),
		outcome: report.Locked, ending: report.Failed,
		next: "wait for it, or run the same line with --lock-wait=10: a lock that a killed run has left is taken over after 3 minutes",
	}
}

// take writes the first blob in place of what was seen. It is not taken when somebody else was faster.
func (l *lock) take(ctx context.Context, seen string) (bool, error) {
	err := l.write(ctx, seen)
	if err == nil {
		l.stop, l.done = make(chan struct{}), make(chan struct{})
		// The heartbeat outlives the stage that has begun it, and ends with release or with the process.
		go l.keep(context.WithoutCancel(ctx))
		return true, nil
	}
	now, e := l.read(ctx)
	if e == nil && now != seen {
		return false, nil
	}
	return false, explainPush(l.url, errors.Join(err, e))
}

// read returns the blob that the ref points to now, empty when there is none.
func (l *lock) read(ctx context.Context) (string, error) {
	out, err := outside(ctx, l.git, []string{"git", "ls-remote", "--end-of-options", l.url, lockRef})
	if err != nil {
		return "", err
	}
	return parseRefs(out).refs[lockRef], nil
}

// heldBy reads what a blob says. One that is gone or unreadable is held by nobody known.
func (l *lock) heldBy(ctx context.Context, blob string) (held holder) {
	if blob == "" {
		return holder{}
	}
	text, err := outside(ctx, l.git,
		[]string{"git", "fetch", "--quiet", "--no-tags", "--end-of-options", l.url, "+" + lockRef + ":" + lockRef},
		[]string{"git", "cat-file", "blob", lockRef})
	if err != nil || json.Unmarshal([]byte(text), &held) != nil {
		return holder{}
	}
	return held
}

// write replaces the blob that the ref is expected to point to by a new one of ours.
func (l *lock) write(ctx context.Context, expected string) error {
	l.holder.Beat++
	text, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	git := l.git.WithNewFile("/tmp/lock", string(text))
	hash := []string{"git", "hash-object", "-w", "/tmp/lock"}
	out, err := git.WithExec(hash).Stdout(ctx)
	if err != nil {
		return err
	}
	blob := strings.TrimSpace(out)
	_, err = outside(ctx, git, hash, l.push(expected, blob))
	if err != nil {
		// The server may have accepted what it could not confirm (G6).
		if now, e := l.read(ctx); e != nil || now != blob {
			return err
		}
	}
	l.blob = blob
	return nil
}

// push moves the ref from one blob to another; an empty one stands for no ref.
func (l *lock) push(from, to string) []string {
	return []string{"git", "push", "--quiet", "--force-with-lease=" + lockRef + ":" + from, "--end-of-options", l.url, to + ":" + lockRef}
}

// keep rewrites the blob until the lock is released or lost.
func (l *lock) keep(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(lockBeat)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			if l.beat(ctx) != nil {
				return
			}
		}
	}
}

// beat fails only when the lock is somebody else's. A remote that cannot be reached is tried again next time.
func (l *lock) beat(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.write(ctx, l.blob) == nil {
		return nil
	}
	if now, err := l.read(ctx); err == nil && now != l.blob {
		l.lost = errLockLost
	}
	return l.lost
}

// checkLock stands before each writing step: a run that has lost its lock writes nothing more (L2).
func (r *Run) checkLock(ctx context.Context) error {
	l := &r.lock
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blob == "" {
		return nil
	}
	now, err := l.read(ctx)
	if err != nil {
		return explainRemote(l.url, err)
	}
	if now != l.blob {
		l.lost = errLockLost
	}
	if l.lost != nil {
		return r.blame(&failure{err: l.lost, outcome: report.Locked, ending: report.Failed, next: "run the same line again: it continues from what is there"})
	}
	return nil
}

// held says whether this run has the lock.
func (l *lock) held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blob != "" && l.lost == nil
}

// releaseLock gives the lock back, with a lease, so that no run removes another's (L2).
func (r *Run) releaseLock(ctx context.Context) error {
	l := &r.lock
	if l.stop == nil {
		return nil
	}
	close(l.stop)
	<-l.done
	l.stop = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.blob
	l.blob = ""
	if l.lost != nil {
		return nil
	}
	_, err := outside(ctx, l.git, l.push(held, ""))
	if err == nil {
		return nil
	}
	if now, e := l.read(ctx); e == nil && now != held {
		return nil
	}
	return fmt.Errorf("the release lock stays behind, and the next run takes it over after 3 minutes: %w", explainPush(l.url, err))
}
