package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dagger/slipway/stages/retry"
)

// Place is a pull request or an issue.
type Place struct {
	Pull   bool
	Number int
}

// Sign is what is said on pull requests and issues: a label, or a comment.
type Sign struct {
	Label string
	// Comment is Markdown. Its last line is Mark, an HTML comment by which it is found again.
	Comment, Mark string
	// Since is a time before which nobody can have written the comment.
	Since time.Time
}

// Label is one that the forge has.
type Label struct {
	Name string
	id   int64 // Gitea's
}

// Signer is the part of a forge that says on pull requests and issues in which release they are.
type Signer interface {
	// MakeLabel makes sure that there is a label of that name.
	MakeLabel(ctx context.Context, name string) (Label, error)
	// AddLabel puts the label on, and says whether it was not there yet.
	AddLabel(ctx context.Context, at Place, label Label) (added bool, err error)
	// AddComment writes the comment, and says whether it was not there yet.
	AddComment(ctx context.Context, at Place, sign Sign) (added bool, err error)
}

// Signed is how far that got.
type Signed struct {
	Pulls, Issues int // on which it is said, whoever has said it
	Left          int // on which it is not
}

const (
	// between is what GitHub asks for between requests that write.
	between = time.Second
	// patience is how many failures in a row that are not about their place are enough to know that the next will fail as well.
	patience = 3
)

// SignAll says it on one after the other, because forges take many writes at once for abuse. The error is of the first
// on which it could not be said.
func SignAll(ctx context.Context, f Signer, clock retry.Clock, places []Place, sign Sign) (Signed, error) {
	done := Signed{Left: len(places)}
	add, err := adder(ctx, f, sign)
	if err != nil {
		return done, err
	}
	var failures []error
	for n, failed, may := 0, 0, false; n < len(places) && failed < patience; n++ {
		added, err := add(places[n])
		if err != nil {
			failures = append(failures, err)
			if !ofPlace(err, may) {
				failed++
			}
			continue
		}
		failed, may = 0, may || added
		done.Count(places[n])
		done.Left--
		if added {
			_ = clock.Sleep(ctx, between) // when it is cut off, so is the next
		}
	}
	return done, errors.Join(failures[:min(len(failures), patience)]...)
}

// ofPlace says whether the failure is about one place alone. A token that may write was refused because of the place.
func ofPlace(err error, may bool) bool {
	switch statusOf(err) {
	case http.StatusForbidden:
		return may
	case http.StatusNotFound, http.StatusGone, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusLocked:
		return true
	}
	return false
}

// Count adds a place on which it is said.
func (s *Signed) Count(at Place) {
	if at.Pull {
		s.Pulls++
	} else {
		s.Issues++
	}
}

// adder is how it is said in one place.
func adder(ctx context.Context, f Signer, sign Sign) (func(Place) (bool, error), error) {
	if sign.Label == "" {
		return func(at Place) (bool, error) { return f.AddComment(ctx, at, sign) }, nil
	}
	label, err := f.MakeLabel(ctx, sign.Label)
	return func(at Place) (bool, error) { return f.AddLabel(ctx, at, label) }, err
}

// String is how errors name it.
func (p Place) String() string {
	if p.Pull {
		return fmt.Sprint("pull request ", p.Number)
	}
	return fmt.Sprint("issue ", p.Number)
}

// comment is one that somebody has written.
type comment struct {
	Body string `json:"body"`
}

// marked reads a list of comments until one holds the mark.
func (c *client) marked(ctx context.Context, q call, mark string) (found bool, err error) {
	err = pages(ctx, c, q, func(batch []comment) bool {
		for _, one := range batch {
			found = found || strings.Contains(one.Body, mark)
		}
		return !found
	})
	return found, err
}

// commentOnce writes the comment at an address, where the query lists those that are there, unless one of them has its mark.
func (c *client) commentOnce(ctx context.Context, at Place, sign Sign, address string, query url.Values) (added bool, err error) {
	there := func() (bool, error) {
		found, err := c.marked(ctx, call{what: fmt.Sprintf("read the comments of %s", at), right: toReadIssues, url: address, query: query}, sign.Mark)
		if gone(err) { // there is nothing to comment on
			return true, nil
		}
		return found, err
	}
	return c.addOnce(ctx, there, call{
		what: fmt.Sprintf("comment on %s", at), right: toSign, method: http.MethodPost, url: address, json: map[string]any{"body": sign.Comment},
	})
}

// addOnce adds what must not be there twice.
func (c *client) addOnce(ctx context.Context, there func() (bool, error), post call) (added bool, err error) {
	found, err := there()
	if err != nil || found {
		return false, err
	}
	err = c.create(ctx, func() error {
		_, err := c.send(ctx, post)
		return err
	}, there)
	return err == nil, err
}
