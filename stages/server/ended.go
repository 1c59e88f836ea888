package server

import (
	"context"
	"strings"
)

// failed takes away what was started and writes a failure down, as well as the connection lets it and for as long as it takes.
func (d *deployment) failed(ctx context.Context, f *Failure, started *rollout) error {
	ctx = context.WithoutCancel(ctx)
	if err := d.reconnect(ctx, f.Err); err != nil {
		return f.leftAlone(err)
	}
	if started != nil {
		if err := started.discard(ctx); err != nil {
			f.Next = strings.TrimPrefix(f.Next+"; the containers of "+d.release.Version+" could not be removed: "+firstLine(err.Error()), "; ")
		}
	}
	if started == nil || started.started {
		d.tellSchema(ctx, f)
	}
	if err := d.putFilesBack(ctx); err != nil {
		f.Next = strings.TrimPrefix(f.Next+"; the files that were replaced could not be put back ("+firstLine(err.Error())+"): they are in "+replacedFile, "; ")
	}
	d.entry.Time, d.entry.Ending, d.entry.Images = d.ended(ctx), Failed, d.release.refs()
	d.lookBack(ctx, f)
	d.entry.State, d.entry.Error = f.State, firstLine(f.Err.Error())
	if err := d.conn.record(ctx, d.entry); err != nil {
		f.Next = strings.TrimPrefix(f.Next+"; the ledger on the server could not be written", "; ")
	}
	return f
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (d *deployment) result(already bool) Result {
	r := Result{Version: d.release.Version, Previous: d.before.Version, Already: already, Backup: d.entry.Backup, Figures: d.figures}
	if d.previous != nil {
		r.Previous = d.ran()
	}
	return r
}

// ran is what ran before, in a sentence.
func (d *deployment) ran() string {
	if d.previous != nil && !d.ours {
		return ranBefore
	}
	return called(d.before.Version)
}

// ranBefore is what has no version that anybody knows it by.
const ranBefore = "what ran there before"

// called is a release in a sentence, where the name of a folder would read like a version.
func called(version string) string {
	if version == foundRelease {
		return ranBefore
	}
	return version
}
