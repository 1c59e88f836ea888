package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

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
			if v.sbom == nil && r.Reason != "" {
				continue // a forced release whose scan did not finish
			}
			group.Go(func() error {
				data, err := r.readSBOM(ctx, v, digests[v.Name])
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

func (r *Run) readSBOM(ctx context.Context, v *variant, digest string) ([]byte, error) {
	if v.sbom == nil { // another run has pushed the image after this one had scanned its own
		s, err := r.scanner(ctx)
		if err != nil {
			return nil, err
		}
		if err := r.scanLayers(ctx, s.trivy, v); err != nil {
			return nil, err
		}
	}
	text, err := v.sbom.Contents(ctx)
	if err != nil {
		return nil, err
	}
	where, err := r.access.registry.Repository(v.Name)
	if err != nil {
		return nil, err
	}
	data, err := nameSBOM([]byte(text), where, r.Version.String(), digest)
	if err != nil {
		return nil, fmt.Errorf("the list of contents of image %s: %w", r.config.label(v.Name, v.platform), err)
	}
	return data, nil
}

// nameSBOM says which image the list is of, in the terms that Trivy has for images of a registry: what it has scanned is
// an archive, from before there was a digest.
func nameSBOM(text []byte, repository, tag, digest string) ([]byte, error) {
	var sbom map[string]any
	if err := json.Unmarshal(text, &sbom); err != nil {
		return nil, err
	}
	metadata, _ := sbom["metadata"].(map[string]any)
	image, ok := metadata["component"].(map[string]any)
	if !ok {
		return nil, errors.New("expected metadata.component, found none")
	}
	image["name"], image["purl"] = repository+":"+tag, imagePURL(repository, digest)
	properties, _ := image["properties"].([]any)
	image["properties"] = append(slices.DeleteFunc(properties, isArchiveID),
		property("RepoDigest", repository+"@"+digest), property("RepoTag", repository+":"+tag))
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(sbom)
	return out.Bytes(), err
}

const trivyProperty = "aquasecurity:trivy:"

func property(name, value string) map[string]any {
	return map[string]any{"name": trivyProperty + name, "value": value}
}

// isArchiveID finds the digest of the configuration that the archive had. Labels have changed it.
func isArchiveID(p any) bool {
	fields, _ := p.(map[string]any)
	return fields["name"] == trivyProperty+"ImageID"
}

// imagePURL names an image as advisories and other scanners do.
func imagePURL(repository, digest string) string {
	where := url.Values{"repository_url": {repository}}
	return "pkg:oci/" + strings.ToLower(path.Base(repository)) + "@" + url.QueryEscape(digest) + "?" + where.Encode()
}
