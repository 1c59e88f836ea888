package simulation

import (
	"time"

	"dagger/slipway/stages/forge"
)

// forgeServer has releases. What sort of forge it is, its capabilities say.
type forgeServer struct {
	can       forge.Capabilities
	immutable bool // what is published can not be changed
	releases  []*published
	ids       int64
	packages  map[string]*published    // by tag: files that wait for a release, where there are no drafts
	said      map[forge.Place][]string // comments and labels
	clearing  map[string]time.Time     // tags whose draft the forge itself is about to publish, and until when
}

// published is a release or a draft of one, with what is in its files.
type published struct {
	forge.Release
	data    map[string]string
	hand    bool // a person has published it
	touched bool // a person has written its text
	edited  time.Time
}

var capabilities = map[string]forge.Capabilities{
	forgesGitHub:    {Drafts: true, Prerelease: true, Latest: true},
	forgesImmutable: {Drafts: true, Prerelease: true, Latest: true},
	forgesGitea:     {Drafts: true, Prerelease: true, Eager: true},
	forgesGitLab:    {},
}

func newForge(kind string) *forgeServer {
	return &forgeServer{
		can: capabilities[kind], immutable: kind == forgesImmutable,
		packages: map[string]*published{}, said: map[forge.Place][]string{}, clearing: map[string]time.Time{},
	}
}

// find is the release, or where there are no drafts the files that wait for it.
func (s *forgeServer) find(r forge.Release) *published {
	for _, at := range s.releases {
		if at.ID == r.ID || r.ID == 0 && at.Tag == r.Tag {
			return at
		}
	}
	if s.can.Drafts {
		return nil
	}
	if s.packages[r.Tag] == nil {
		s.packages[r.Tag] = &published{data: map[string]string{}}
	}
	return s.packages[r.Tag]
}

func (s *forgeServer) ofTag(tag string) (all []*published) {
	for _, r := range s.releases {
		if r.Tag == tag {
			all = append(all, r)
		}
	}
	return all
}

// standing are the drafts that are kept for whatever comes next.
func (s *forgeServer) standing() (all []*published) {
	for _, r := range s.releases {
		if r.IsStanding() {
			all = append(all, r)
		}
	}
	return all
}

// add makes a release, as the API does: GitHub takes a second draft of one tag without a word.
func (s *forgeServer) add(r forge.Release) *published {
	s.ids++
	r.ID, r.Assets = s.ids, nil
	made := &published{Release: r, data: map[string]string{}, touched: handwritten(r.Body) && handwritten(r.Title)}
	s.releases = append(s.releases, made)
	return made
}

// selfPublish clears the draft mark of a release whose tag was pushed, as Gitea does, now or a little later.
func (s *forgeServer) selfPublish(now time.Time, tag string) {
	if !s.can.Eager {
		return
	}
	s.clearing[tag] = now.Add(20 * time.Second)
	s.settle(now)
}

func (s *forgeServer) settle(now time.Time) {
	for _, r := range s.releases {
		if until, ok := s.clearing[r.Tag]; ok && now.Before(until) {
			r.Draft = false
		}
	}
}

// markLatest gives the mark to one release, and takes it from the others.
func (s *forgeServer) markLatest(r *published) {
	for _, other := range s.releases {
		other.Latest = other == r
	}
}
