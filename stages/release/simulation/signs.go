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

func (s Story) signOf(v string) forge.Sign {
	if s.Labels {
		return forge.Sign{Label: "released in " + v}
	}
	mark := "<!-- released in " + v + " -->"
	return forge.Sign{Comment: "Released in " + v + ".\n\n" + mark, Mark: mark}
}

// MakeLabel implements forge.Signer.
func (c forgeClient) MakeLabel(_ context.Context, name string) (forge.Label, error) {
	return forge.Label{Name: name}, nil
}

// AddLabel implements forge.Signer.
func (c forgeClient) AddLabel(ctx context.Context, at forge.Place, label forge.Label) (bool, error) {
	return c.say(ctx, at, label.Name, label.Name)
}

// AddComment implements forge.Signer.
func (c forgeClient) AddComment(ctx context.Context, at forge.Place, sign forge.Sign) (bool, error) {
	return c.say(ctx, at, sign.Comment, sign.Mark)
}

// say adds a text to a place, unless one with the mark is there.
func (c forgeClient) say(ctx context.Context, at forge.Place, text, mark string) (bool, error) {
	defer c.p.hurry()()
	said := c.server().said
	marked := func() (found bool, err error) {
		err = c.p.repeated(ctx, request{what: "forge: read what is said on " + at.String()}, func(Kind) error {
			found = slices.ContainsFunc(said[at], func(text string) bool { return strings.Contains(text, mark) })
			return nil
		})
		return found, err
	}
	found, err := marked()
	if err != nil || found {
		return false, err
	}
	err = c.once(ctx, func() error {
		return c.p.send(ctx, request{what: "forge: say it on " + at.String(), writes: true, guarded: true, signs: true}, func(Kind) error {
			said[at] = append(said[at], text)
			return nil
		})
	}, marked)
	return err == nil, err
}

// checkSigned wants each place to say once in which release it is: a run that was refused to say it is completed by the next.
func (w *World) checkSigned(l Line) {
	v, _ := version.Parse(l.Version)
	if !w.story.Signs || w.story.Forge == "" || v.IsPrerelease() {
		return
	}
	for _, at := range places {
		said := 0
		sign := w.story.signOf(l.Version)
		for _, text := range w.forge.said[at] {
			if text == sign.Label || text == sign.Comment {
				said++
			}
		}
		if said != 1 {
			w.violate(signedOnce, "%s: %d times on %s", l.Version, said, at)
		}
	}
}
