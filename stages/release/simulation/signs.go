package simulation

import (
	"context"
	"slices"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

// places are on which every release is said.
var places = []forge.Place{{Pull: true, Number: 7}, {Pull: true, Number: 8}, {Number: 3}}

func signOf(v string) forge.Sign {
	mark := "<!-- released in " + v + " -->"
	return forge.Sign{Comment: "Released in " + v + ".\n\n" + mark, Mark: mark}
}

// MakeLabel implements forge.Signer.
func (c forgeClient) MakeLabel(_ context.Context, name string) (forge.Label, error) {
	return forge.Label{Name: name}, nil
}

// AddLabel implements forge.Signer. Histories have comments, because a label does no harm when it is put on twice.
func (c forgeClient) AddLabel(context.Context, forge.Place, forge.Label) (bool, error) {
	return false, nil
}

// AddComment implements forge.Signer.
func (c forgeClient) AddComment(ctx context.Context, at forge.Place, sign forge.Sign) (bool, error) {
	defer c.p.hurry()()
	comments := c.server().comments
	marked := func() (found bool, err error) {
		err = c.p.repeated(ctx, request{what: "forge: read the comments of " + at.String()}, func(Kind) error {
			found = slices.ContainsFunc(comments[at], func(text string) bool { return strings.Contains(text, sign.Mark) })
			return nil
		})
		return found, err
	}
	found, err := marked()
	if err != nil || found {
		return false, err
	}
	err = c.once(ctx, func() error {
		return c.p.send(ctx, request{what: "forge: comment on " + at.String(), writes: true, guarded: true}, func(Kind) error {
			comments[at] = append(comments[at], sign.Comment)
			return nil
		})
	}, marked)
	return err == nil, err
}

// checkSigned wants each place to say once in which release it is, and not at all only if a run was refused to say it.
func (w *World) checkSigned(l Line) {
	v, _ := version.Parse(l.Version)
	if !w.story.Signs || w.story.Forge == "" || v.IsPrerelease() {
		return
	}
	for _, at := range places {
		said := 0
		for _, text := range w.forge.comments[at] {
			if strings.Contains(text, signOf(l.Version).Mark) {
				said++
			}
		}
		if said > 1 || said == 0 && !w.unsigned[l.Version] {
			w.violate(signedOnce, "%s: %d times on %s", l.Version, said, at)
		}
	}
}
