package gitremote

import (
	"context"
	"errors"
	"time"

	"dagger/slipway/stages/retry"
)

type Refs struct {
	Default string
	Of      map[string]string
}

func (r Refs) Tags() map[string]string             { return nil }
func (r Refs) Branch(string) string                { return "" }
func (r Refs) Releases(patterns []string) []string { return nil }

type Server interface {
	Refs(ctx context.Context) (Refs, error)
	Note(ctx context.Context, text string, refs map[string]string) (blob string, err error)
	ReadNote(ctx context.Context, ref string) (string, error)
	Remove(ctx context.Context, ref, blob string) error
	Tag(ctx context.Context, name, commit string) error
	Containing(ctx context.Context, branches []string, commit string) ([]string, error)
}
type Holder struct{}
type Lock struct{}

var ErrLost = errors.New("lost")

func ReadRefs(context.Context, Server, retry.Clock) (Refs, error) { panic(0) }
func PushTag(context.Context, Server, retry.Clock, string, string) (bool, error) {
	panic(0)
}
func WriteNotes(context.Context, Server, retry.Clock, string, map[string]string) (string, error) {
	panic(0)
}
func RemoveNote(context.Context, Server, retry.Clock, string, string) error { panic(0) }
func Acquire(context.Context, Server, retry.Clock, Holder, time.Duration) (*Lock, error) {
	panic(0)
}
func (*Lock) Waited() time.Duration                   { panic(0) }
func (*Lock) TookOver() Holder                        { panic(0) }
func (*Lock) Text() string                            { panic(0) }
func (*Lock) Check(context.Context) error             { panic(0) }
func (*Lock) Context(context.Context) (context.Context, context.CancelFunc) { panic(0) }
func (*Lock) Release(context.Context) error           { panic(0) }
