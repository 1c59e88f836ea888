package forge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// MakeLabel needs no request: GitHub makes a label that is put on something.
func (g *gitHub) MakeLabel(_ context.Context, name string) (Label, error) {
	return Label{Name: name}, nil
}

func (g *gitHub) AddLabel(ctx context.Context, at Place, l Label) (bool, error) {
	return g.addLabel(ctx, at, l.Name, l.Name)
}

// labelColour is that of a label that is made.
const labelColour = "#0e8a16"

// MakeLabel finds the label's number, or makes it: Gitea takes no names, and would make a second of the same name.
func (g *gitea) MakeLabel(ctx context.Context, name string) (Label, error) {
	made := Label{Name: name}
	find := func() (found bool, err error) {
		made.id, found, err = g.labelID(ctx, name)
		return found, err
	}
	_, err := g.addOnce(ctx, find, call{
		what: "make the label " + name, right: toSign, method: http.MethodPost, url: g.base + "/labels",
		json: map[string]any{"name": name, "color": labelColour},
	})
	if err == nil && made.id == 0 {
		_, err = find()
	}
	return made, err
}

// labelID looks for the label page by page: Gitea's list has no link to the next one.
func (g *gitea) labelID(ctx context.Context, name string) (id int64, found bool, err error) {
	type numberedLabel struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	for n := 1; ; n++ {
		var batch []numberedLabel
		q := call{what: "read the labels", right: toReadIssues, url: g.base + "/labels", query: g.list("page", number(n))}
		if err := g.read(ctx, q, &batch); err != nil || len(batch) == 0 {
			return 0, false, err
		}
		if i := slices.IndexFunc(batch, func(l numberedLabel) bool { return l.Name == name }); i >= 0 {
			return batch[i].ID, true, nil
		}
	}
}

func (g *gitea) AddLabel(ctx context.Context, at Place, l Label) (bool, error) {
	return g.addLabel(ctx, at, l.Name, l.id)
}

// addLabel names the label as the forge wants it. Pull requests are issues here.
func (h hub) addLabel(ctx context.Context, at Place, name string, as any) (bool, error) {
	there := func() (bool, error) {
		i, err := h.issue(ctx, at.Number)
		return i.Number == 0 || slices.Contains(names(i.Labels), name), err
	}
	return h.addOnce(ctx, there, call{
		what: fmt.Sprintf("label %s", at), right: toSign, method: http.MethodPost, url: h.issueURL(at) + "/labels",
		json: map[string]any{"labels": []any{as}},
	})
}

func (h hub) AddComment(ctx context.Context, at Place, sign Sign) (bool, error) {
	return h.commentOnce(ctx, at, sign, h.issueURL(at)+"/comments", h.list("since", sign.Since.UTC().Format(time.RFC3339)))
}

func (h hub) issueURL(at Place) string { return h.base + "/issues/" + number(at.Number) }
