package release

import (
	"context"

	"dagger/slipway/stages/forge"
)

// Announce says on pull requests and issues which release they are in. It stands before Tell: a run that is killed here has
// told nobody, and the next one does both. What does not work decides nothing: the same line, run again, says what is not said
// yet, and that is no reason to tell the team again.
func (a *Act) Announce(ctx context.Context, places []forge.Place, sign forge.Sign) (forge.Signed, error) {
	shown := a.done == len(a.Plan.Effects) && a.page != nil && !a.page.Draft
	if !shown || a.Plan.Version.IsPrerelease() || len(places) == 0 {
		return forge.Signed{}, nil
	}
	return forge.SignAll(ctx, heldForge{a.forge, passOf(a.lock)}, a.world.Clock, places, sign)
}
