package release

import (
	"context"

	"dagger/slipway/stages/forge"
)

// Announce says on pull requests and issues which release they are in. It stands before Tell: a run that is killed here has
// told nobody, and the next one does both. What does not work decides nothing.
func (a *Act) Announce(ctx context.Context, places []forge.Place, sign forge.Sign) (forge.Signed, error) {
	shown := a.done == len(a.Plan.Effects) && a.page != nil && !a.page.Draft
	if !shown || !a.Due() || a.Plan.Version.IsPrerelease() || len(places) == 0 {
		return forge.Signed{}, nil
	}
	return forge.SignAll(ctx, a.world.Forge, a.world.Clock, places, sign)
}
