package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reconnectTime is for how long a lost server is looked for, and then for its lock, which ends within a minute by itself.
const reconnectTime = 90 * time.Second

// reconnect opens a new connection, once, if the old one is lost, and takes the lock again. If that fails it stays so:
// without the lock, nothing more is done to the server.
func (d *deployment) reconnect(ctx context.Context, cause error) error {
	if errors.Is(cause, errLost) && !d.reconnected {
		d.reconnected = true
		d.lost = d.connectAgain(ctx)
	}
	return d.lost
}

func (d *deployment) connectAgain(ctx context.Context) error {
	d.conn.Close()
	within, cancel := context.WithTimeout(ctx, reconnectTime)
	defer cancel()
	for {
		conn, err := Connect(within, d.env.Target, d.env.Login)
		if err == nil {
			d.use(conn)
			return d.resume(ctx)
		}
		select {
		case <-within.Done():
			return err
		case <-time.After(3 * time.Second):
		}
	}
}

// use goes on with another connection.
func (d *deployment) use(conn *Conn) {
	d.conn = conn
	for _, p := range []*project{d.next, d.previous} {
		if p != nil {
			p.conn = conn
		}
	}
}

// resume takes the lock again, and insists that nobody had it in the meantime: what runs now may be somebody else's.
func (d *deployment) resume(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, reconnectTime)
	defer cancel()
	if d.hold, err = d.conn.lockPatiently(ctx, d.holder()); err != nil {
		return err
	}
	ledger, err := d.conn.readLedger(ctx)
	if err != nil {
		return err
	}
	if len(ledger) > len(d.ledger) {
		return &overtakenError{ledger[len(ledger)-1]}
	}
	return nil
}

// overtakenError is somebody else's deed on the server while our connection to it was lost.
type overtakenError struct{ by Entry }

// is knows an entry again that was written down.
func (e Entry) is(other Entry) bool {
	return e.Kind == other.Kind && e.Ending == other.Ending && e.Version == other.Version && e.By == other.By && e.Time.Equal(other.Time)
}

func (e *overtakenError) Error() string {
	did := "deploying %s was tried"
	switch {
	case e.by.Kind == Withdrawn:
		did = "%s was withdrawn"
	case e.by.Ending == Healthy && e.by.Kind == RolledBack:
		did = "%s was rolled back to"
	case e.by.Ending == Healthy:
		did = "%s was deployed"
	}
	return fmt.Sprintf(did+" by %s at %s meanwhile", e.by.Version, e.by.By, e.by.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// leftAlone is a failure after which the server could not be had again.
func (f *Failure) leftAlone(err error) *Failure {
	locked, overtaken := new(LockedError), new(overtakenError)
	switch {
	case errors.As(err, &overtaken):
		f.State, f.Found = NotRestored, overtaken.Error()+"; nothing was put back"
		f.Next = "see with status whether that is what should run"
	case errors.As(err, &locked):
		f.State, f.Found = NotRestored, fmt.Sprintf("another run has locked the server meanwhile (%s); nothing was put back", locked.Holder)
		f.Next = "wait until it has ended, and see with status what runs"
	case f.Found == "":
		f.Found = fmt.Sprintf("the server could not be reached again (%v), so it is not known what runs there", err)
		f.Next = "run the same line again: it finds out and goes on"
	case f.Next == "":
		f.Next = "the server could not be reached again: run the same line once it can"
	}
	return f
}
