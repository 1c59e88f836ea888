package simulation

import (
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

// hands are what people do at the forge and in git.
var hands = map[string]func(*process, Line){
	"push the tag": func(p *process, l Line) { p.pushByHand("v"+l.Version, l.Commit) },
	"push the tag elsewhere": func(p *process, l Line) {
		p.pushByHand("v"+l.Version, p.world.story.commit(9))
	},
	"push an image": func(p *process, l Line) {
		s := p.world.registry
		image := p.world.story.Images[0]
		if s.tags[image][l.Version] == "" {
			s.tags[image][l.Version] = s.add(image, p.world.story.commit(9), l.Version, 99)
			p.world.otherTool = p.world.now
			p.say("pushes %s:%s", image, l.Version)
		}
	},
	"release by other means": func(p *process, _ Line) { p.releaseByHand("1.9.0") },
	"push a bare tag":        func(p *process, l Line) { p.pushByHand(l.Version, l.Commit) },
	"edit the release": func(p *process, l Line) {
		for _, r := range p.world.forge.ofTag("v" + l.Version) {
			if !r.Immutable {
				r.Body, r.Title, r.touched, r.edited = byHand+"\n\n"+r.Body, byHand, true, p.world.now
				p.say("edits the release of %s", l.Version)
			}
		}
	},
	"move the branch": func(p *process, _ Line) {
		p.world.git.moved = true
		p.say("forces main to another history")
	},
	"publish the release": func(p *process, l Line) { p.publishByHand(l) },
}

func (p *process) pushByHand(tag, commit string) {
	refs := p.world.git.refs
	if refs["refs/tags/"+tag] != "" || !p.world.story.Git {
		return
	}
	refs["refs/tags/"+tag] = commit
	p.say("pushes the tag %s", tag)
}

// publishByHand publishes the draft, or makes a release in the forge's web page, which makes the tag as well.
func (p *process) publishByHand(l Line) {
	w := p.world
	if !w.story.Git || w.story.Forge == "" {
		return
	}
	tag := "v" + l.Version
	found := w.forge.ofTag(tag)
	if w.git.refs["refs/tags/"+tag] == "" {
		w.git.refs["refs/tags/"+tag] = l.Commit
	}
	if len(found) == 0 {
		made := w.forge.add(forge.Release{Tag: tag, Commit: l.Commit, Title: byHand, Body: byHand, Draft: true})
		made.touched, made.edited = true, w.now
		found = []*published{made}
	}
	for _, r := range found {
		if r.Draft {
			r.Draft, r.hand, r.Immutable = false, true, w.forge.immutable
			p.say("publishes the release of %s", l.Version)
		}
	}
}

// releaseByHand is another tool that knows no lock: images, their tags, and the floating ones.
func (p *process) releaseByHand(text string) {
	w := p.world
	v, _ := version.Parse(text)
	for _, image := range w.story.Images {
		digest := w.registry.add(image, w.story.commit(8), text, 98)
		for tag := range version.Floating([]version.Version{v}) {
			w.registry.tags[image][tag] = digest
		}
		w.registry.tags[image][text] = digest
	}
	w.otherTool = w.now
	p.say("releases %s by other means", text)
}
