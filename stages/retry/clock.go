package retry

import (
	"context"
	"time"
)

// Clock tells the time and waits. What waits for minutes takes one, so that tests and the simulation need none.
type Clock interface {
	Now() time.Time
	// Sleep returns the context's error when that ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// Real is the machine's clock.
var Real Clock = realClock{}

type realClock struct{}

func (realClock) Now() time.Time                                   { return time.Now() }
func (realClock) Sleep(ctx context.Context, d time.Duration) error { return Sleep(ctx, d) }
