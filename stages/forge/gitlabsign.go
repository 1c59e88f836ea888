package forge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// MakeLabel needs no request: GitLab makes a label that is put on something.
func (g *gitLab) MakeLabel(_ context.Context, name string) (Label, error) {
	return Label{Name: name}, nil
}

// AddLabel sends what does no harm when it is sent twice. It is read before, because every change is told to whoever takes part.
func (g *gitLab) AddLabel(ctx context.Context, at Place, l Label) (bool, error) {
	var now struct {
		Labels []label `json:"labels"`
	}
	err := g.read(ctx, call{what: fmt.Sprintf("read %s", at), right: toReadIssues, url: g.placeURL(at)}, &now)
	if gone(err) || err == nil && slices.Contains(names(now.Labels), l.Name) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = g.send(ctx, call{
		what: fmt.Sprintf("label %s", at), right: toSign, method: http.MethodPut, url: g.placeURL(at),
		json: map[string]any{"add_labels": l.Name},
	})
	return err == nil, err
}

func (g *gitLab) AddComment(ctx context.Context, at Place, sign Sign) (bool, error) {
	return g.commentOnce(ctx, at, sign, g.placeURL(at)+"/notes", g.list())
}

func (g *gitLab) placeURL(at Place) string {
	if at.Pull {
		return g.project() + "/merge_requests/" + number(at.Number)
	}
	return g.project() + "/issues/" + number(at.Number)
}
