package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
)

const sbomSuffix = ".cdx.json"

func sbomName(image string) string { return strings.ReplaceAll(image, "/", "-") + sbomSuffix }

// sboms are what Trivy has found in the images, as CycloneDX.
func (r *Run) sboms(ctx context.Context, digests map[string]string) ([]forge.File, error) {
	var files []forge.File
	var mu sync.Mutex
	var group errgroup.Group
	for _, i := range r.config.images {
		for _, v := range r.found.images[i.Name].variants {
			if r.unlisted(v) {
				continue
			}
			group.Go(func() error {
				data, err := r.readList(ctx, v, attest.CycloneDX, digests[v.Name])
				mu.Lock()
				defer mu.Unlock()
				files = append(files, forge.File{Name: sbomName(r.config.label(v.Name, v.platform)), ContentType: "application/vnd.cyclonedx+json", Data: data})
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, explain(err)
	}
	slices.SortFunc(files, func(a, b forge.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// listFiles are the lists of contents that are made of one scan, by the kind of the statement that holds them.
var listFiles = map[string]string{attest.CycloneDX: "cyclonedx.json", attest.SPDX: "spdx.json"}

// listScript makes all lists in one exec, which costs more than making them. Its arguments are the scan's report, and how Trivy is
// started.
const listScript = `mkdir -p ` + listsPath + `
"$@" convert --format cyclonedx --output ` + listsPath + `/cyclonedx.json "$0"
exec "$@" convert --format spdx-json --output ` + listsPath + `/spdx.json "$0"`

// readList is what is in an image, as the image of a digest.
func (r *Run) readList(ctx context.Context, v *variant, kind, digest string) ([]byte, error) {
	if v.lists == nil { // another run has pushed the image after this one had scanned its own
		s, err := r.scanner(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := r.scanLayers(ctx, s.trivy, v); err != nil {
			return nil, err
		}
	}
	text, err := v.lists.File(listFiles[kind]).Contents(ctx)
	if err != nil {
		return nil, err
	}
	where, err := r.access.registry.Repository(v.Name)
	if err != nil {
		return nil, err
	}
	data, err := nameList(kind, []byte(text), where, r.Version.String(), digest)
	if err != nil {
		return nil, fmt.Errorf("the list of contents of image %s: %w", r.config.label(v.Name, v.platform), err)
	}
	return data, nil
}

// unlisted says that there is no list of contents: of a forced release whose scan did not finish.
func (r *Run) unlisted(v *variant) bool { return v.lists == nil && r.Reason != "" }
