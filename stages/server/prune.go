package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keepReleases is how many healthy versions stay on the server, to go back to without a registry (N5).
const keepReleases = 5

// prune removes images of older releases. Docker itself keeps what a container still uses.
func (d *deployment) prune(ctx context.Context) error {
	d.forgetFound(ctx)
	ledger, err := d.conn.readLedger(ctx)
	if err != nil {
		return err
	}
	keep := ledger.needed()
	var removed []string
	for _, image := range d.release.Images {
		// Without --all, Docker 29 leaves out what has no tag.
		text, err := d.conn.run(ctx, command{args: []string{"docker", "image", "ls", "--all", "--digests", "--no-trunc", "--format", "{{.Repository}}@{{.Digest}}", "--filter", "reference=" + shortRepository(image.Repository)}})
		if err != nil {
			return err
		}
		for _, ref := range prunable(text, keep) {
			_, err := d.conn.run(ctx, command{args: []string{"docker", "image", "rm", ref}})
			if exit := new(exitError); errors.As(err, &exit) {
				continue // something uses it
			}
			if err != nil {
				return err
			}
			removed = append(removed, ref)
		}
	}
	if len(removed) > 0 {
		d.figures = append(d.figures, fmt.Sprintf("%d images of older releases removed", len(removed)))
	}
	return nil
}

// prunable are those of the images on the server that nothing needs.
func prunable(there string, keep []string) []string {
	refs := slices.Sorted(slices.Values(strings.Fields(there)))
	return slices.DeleteFunc(slices.Compact(refs), func(ref string) bool {
		return amongImages(keep, ref) || strings.HasSuffix(ref, "@<none>")
	})
}

// needed are the images of the versions that a rollback could want, and of what runs.
func (l Ledger) needed() []string {
	var versions, refs []string
	for _, e := range slices.Backward(l) {
		if e.Kind == Withdrawn || e.Ending != Healthy || !slices.Contains(versions, e.Version) && len(versions) == keepReleases {
			continue
		}
		versions = append(versions, e.Version)
		slices.Sort(versions)
		versions = slices.Compact(versions)
		for _, ref := range e.Images {
			refs = append(refs, ref)
		}
	}
	return refs
}
