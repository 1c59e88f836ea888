package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// registryServer has repositories with tags, and no transactions.
type registryServer struct {
	immutable bool // tags of versions and commits are refused when they exist
	tags      map[string]map[string]string
	images    map[string]registry.Image // by digest
	behind    map[[2]string]unseen      // tags whose last change is not seen yet
	lists     map[string]*list          // what hangs below digests
	copied    map[[2]string]bool        // images and digests that were pushed as another image before
}

// unseen is what the process that has changed a tag still sees of it, and how long.
type unseen struct {
	by     *process
	digest string
	until  time.Time
}

func newRegistry(immutable bool, images []string) *registryServer {
	s := &registryServer{immutable, map[string]map[string]string{}, map[string]registry.Image{}, map[[2]string]unseen{}, map[string]*list{}, map[[2]string]bool{}}
	for _, image := range images {
		s.tags[image] = map[string]string{}
	}
	return s
}

// add puts an image into the registry, as it was built.
func (s *registryServer) add(image, commit, v string, build int) string {
	digest := fmt.Sprintf("sha256:%062x%02x", uint64(len(s.images)+1)<<8|uint64(build), len(image))
	s.images[digest] = registry.Image{
		Name: image, Digest: digest, Platforms: []string{"linux/amd64"}, Manifests: map[string]string{"linux/amd64": manifest(digest)},
		Labels: map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": v},
	}
	return digest
}

// sees is what a reader is told about a tag.
func (s *registryServer) sees(p *process, image, tag string) string {
	if old, ok := s.behind[[2]string{image, tag}]; ok && p == old.by && p.world.now.Before(old.until) {
		return old.digest
	}
	return s.tags[image][tag]
}

// imageOf is the image under a tag as it really is.
func (s *registryServer) imageOf(image, tag string) (registry.Image, bool) {
	at, ok := s.images[s.tags[image][tag]]
	return at, ok
}

// registryClient is the registry as one process reaches it.
type registryClient struct{ p *process }

var _ registry.Store = registryClient{}

func (c registryClient) server() *registryServer { return c.p.world.registry }

// Tags implements registry.Store.
func (c registryClient) Tags(ctx context.Context, image string) (tags []string, err error) {
	err = c.p.repeated(ctx, request{what: "registry: list the tags of " + image}, func(Kind) error {
		tags = nil
		c.p.listed = c.p.world.now
		for tag := range c.server().tags[image] {
			if c.server().sees(c.p, image, tag) != "" {
				tags = append(tags, tag)
			}
		}
		slices.Sort(tags)
		return nil
	})
	return tags, err
}

// Inspect implements registry.Store.
func (c registryClient) Inspect(ctx context.Context, image, ref string) (at registry.Image, ok bool, err error) {
	err = c.p.repeated(ctx, request{what: "registry: inspect " + image + ":" + ref}, func(Kind) error {
		at, ok = c.server().images[c.digest(image, ref)]
		at.Name, at.Labels = image, maps.Clone(at.Labels)
		return nil
	})
	return at, ok, err
}

// Resolve implements registry.Store.
func (c registryClient) Resolve(ctx context.Context, image, ref string) (digest string, err error) {
	err = c.p.repeated(ctx, request{what: "registry: resolve " + image + ":" + short(ref)}, func(Kind) error {
		digest = c.digest(image, ref)
		return nil
	})
	return digest, err
}

func (c registryClient) digest(image, ref string) string {
	c.p.looked[image+":"+ref] = c.p.world.now
	if !strings.HasPrefix(ref, "sha256:") {
		return c.server().sees(c.p, image, ref)
	}
	if c.server().images[ref].Name != image && !c.server().copied[[2]string{image, ref}] {
		return ""
	}
	return ref
}

// Put implements registry.Store.
func (c registryClient) Put(ctx context.Context, image, tag, digest string) error {
	r := request{what: "registry: put " + image + ":" + tag + " = " + short(digest), writes: true, guarded: true, lags: true}
	return c.p.repeated(ctx, r, func(f Kind) error { return c.set(image, tag, digest, f) })
}

// Remove implements registry.Store.
func (c registryClient) Remove(ctx context.Context, image, tag string) error {
	r := request{what: "registry: remove " + image + ":" + tag, writes: true, guarded: true, lags: true}
	return c.p.repeated(ctx, r, func(f Kind) error { return c.set(image, tag, "", f) })
}

func (c registryClient) set(image, tag, digest string, f Kind) error {
	s, w := c.server(), c.p.world
	old := s.tags[image][tag]
	if s.immutable && old != "" && old != digest && !floating(tag) {
		return &fault{"the tag is immutable", false}
	}
	behind := s.sees(c.p, image, tag) != old // nobody could tell two lies apart
	if f == Dropped && !behind {
		return nil
	}
	if f == Lagging {
		lag := w.faults.lag(at{c.p.number, c.p.requests - 1})
		s.behind[[2]string{image, tag}] = unseen{c.p, s.sees(c.p, image, tag), w.now.Add(lag)}
	}
	s.tags[image][tag] = digest
	if digest == "" && f != Lagging {
		delete(s.tags[image], tag)
	}
	w.tagWritten(c.p, image, tag, old, digest)
	if strings.HasPrefix(tag, "sha-") && digest != "" {
		w.meddle(c.p, image, digest)
	}
	return nil
}

// Repository implements registry.Store.
func (c registryClient) Repository(image string) (string, error) {
	return fullName(image), nil
}

func fullName(image string) string { return "registry.test/shop/" + image }

// floating says whether the tag is one that moves.
func floating(tag string) bool {
	_, isVersion := version.FromTag(tag)
	return !isVersion && !strings.HasPrefix(tag, "sha-")
}

func short(digest string) string {
	if hex, ok := strings.CutPrefix(digest, "sha256:"); ok {
		return "@" + strings.TrimLeft(hex, "0")
	}
	return digest
}
