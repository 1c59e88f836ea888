package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"dagger/slipway/stages/redact"
)

const (
	stateDir = ".slipway"
	lockFile = stateDir + "/lock"
	// busyFile is locked by each command that changes something, because such a command outlives a cut connection.
	busyFile = stateDir + "/busy"
	// busyWait is how long to wait for a command that an earlier run has left behind.
	busyWait = "180"
	lockBeat = 10 * time.Second
	tempDir  = "/dev/shm"
)

// holdScript takes the lock and keeps it for as long as the other end says so: a dot every ten seconds. It makes a
// folder in memory for credentials and takes it away again, however the connection ends.
const holdScript = `umask 077
mkdir -p .slipway && touch .slipway/lock .slipway/busy || exit 1
exec 9<>.slipway/lock
flock --nonblock 9 || { echo busy; cat .slipway/lock; exit 0; }
temp=$(mktemp -d "$2/slipway.XXXXXXXX") || temp=$(mktemp -d) || exit 1
trap 'rm -rf "$temp"; : > .slipway/lock' EXIT
trap 'exit 1' HUP INT TERM
printf '%s\n' "$1" > .slipway/lock
echo "held $temp"
while [ "$(timeout 60 head -c 1)" = . ]; do :; done
`

// turnScript runs a command that changes something only if the lock is still this run's when its turn comes: it may have been
// on its way, or waited for the one before, for longer than that.
const turnScript = `test "$(cat .slipway/lock)" = "$1" || { echo '` + notHeld + `' >&2; exit 1; }
shift
exec "$@"`

// notHeld is what the server says of a command that comes too late.
const notHeld = "the lock of this run has ended"

// inTurn has the server look whose lock it is before a command that changes something.
func (c *Conn) inTurn(cmd command) command {
	queue := busy()
	if c.held == nil || len(cmd.args) <= len(queue) || !slices.Equal(cmd.args[:len(queue)], queue) {
		return cmd
	}
	cmd.args = slices.Concat(queue, []string{"sh", "-c", turnScript, "sh", c.held.text}, cmd.args[len(queue):])
	return cmd
}

// Holder is who deploys, for those who have to wait.
type Holder struct {
	Who   string    `json:"who"`
	What  string    `json:"what"`
	Run   string    `json:"run"`  // of this very run and no other
	Hold  string    `json:"hold"` // of this very lock: a run that has lost it takes another
	Since time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.Who == "" {
		return "a deployment that has not said what it is"
	}
	return fmt.Sprintf("%s by %s, since %s", redact.OneLine(h.What), redact.OneLine(h.Who), h.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// LockedError names who is at work on the server.
type LockedError struct{ Holder Holder }

func (e *LockedError) Error() string {
	text := "the server is locked by " + e.Holder.String()
	if !e.Holder.Since.IsZero() {
		text += fmt.Sprintf(" (for %s now)", time.Since(e.Holder.Since).Round(time.Second))
	}
	return text
}

// hold is the lock while it is ours: it lives in the SSH session and goes with it.
type hold struct {
	session *ssh.Session
	writing sync.Mutex // held while input is used
	input   io.WriteCloser
	text    string        // what the lock says while it is ours
	temp    string        // a folder in the server's memory, removed with the lock
	stop    chan struct{} // closed when the lock is given back
	ended   chan struct{} // closed when the server has let it go
}

// lock takes the server for one deployment.
func (c *Conn) lock(ctx context.Context, holder Holder) (*hold, error) {
	h := &hold{stop: make(chan struct{}), ended: make(chan struct{})}
	err := c.session(ctx, "flock", commandTime, func(session *ssh.Session) error {
		h.session = session
		err := h.take(c, holder)
		if err != nil {
			session.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.held = h
	go h.watch(c)
	go h.beat(c)
	return h, ctx.Err()
}

func (h *hold) take(c *Conn, holder Holder) (err error) {
	if h.input, err = h.session.StdinPipe(); err != nil {
		return err
	}
	output, err := h.session.StdoutPipe()
	if err != nil {
		return err
	}
	holder.Hold = rand.Text()
	text, err := json.Marshal(holder)
	if err != nil {
		return err
	}
	h.text = string(text)
	script := command{args: []string{"sh", "-c", holdScript, "sh", h.text, tempDir}}
	if err := h.session.Start(script.line(c.target.Dir)); err != nil {
		return errLost
	}
	lines := bufio.NewReader(output)
	answer, _ := lines.ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(answer), " ")
	switch word {
	case "held":
		h.temp = rest
		return nil
	case "busy":
		locked := new(LockedError)
		line, _ := lines.ReadString('\n')
		_ = json.Unmarshal([]byte(line), &locked.Holder) // a holder that is just writing it is nameless
		return locked
	}
	return fmt.Errorf("%s cannot hold a lock in %s: it needs flock, timeout and head, and a folder that %s may write to", c.target.Host, c.target.Dir, c.target.User)
}

// watch waits for the end of the lock. One that was not given back has ended on the server alone, for want of dots: this machine
// was asleep. The connection goes with it, so that whoever works by it looks first who has had the server since.
func (h *hold) watch(c *Conn) {
	_ = h.session.Wait()
	close(h.ended)
	if !h.givenBack() {
		c.Close()
	}
}

// beat keeps the lock, and ends it: the server takes the end of the dots for the end of the lock.
func (h *hold) beat(c *Conn) {
	for h.dot() == nil {
		select {
		case <-h.stop:
			h.noMore()
			return
		case <-h.ended:
			return
		case <-time.After(lockBeat):
		}
	}
	c.Close()
}

// dot says that the lock is still wanted. One that has ended takes none.
func (h *hold) dot() error {
	h.writing.Lock()
	defer h.writing.Unlock()
	_, err := io.WriteString(h.input, ".")
	return err
}

func (h *hold) noMore() {
	h.writing.Lock()
	defer h.writing.Unlock()
	h.input.Close()
}

func (h *hold) givenBack() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// lost says whether the lock has ended without being given back, as far as the server has told so far.
func (h *hold) lost() bool { return h != nil && !h.givenBack() && h.dot() != nil }

// release gives the server free and waits until it is. One that does not answer frees itself, for want of dots.
func (h *hold) release() {
	close(h.stop)
	select {
	case <-h.ended:
	case <-time.After(commandTime):
	}
}

// lockPatiently waits out a lock of this very run that the server still keeps for a connection that is gone. Who holds it
// is not told while it is being taken or given up.
func (c *Conn) lockPatiently(ctx context.Context, holder Holder) (*hold, error) {
	for {
		h, err := c.lock(ctx, holder)
		locked := new(LockedError)
		if !errors.As(err, &locked) || locked.Holder.Run != holder.Run && locked.Holder.Run != "" {
			return h, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(2 * time.Second):
		}
	}
}
