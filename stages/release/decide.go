package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
)

// Refusal is one thing that stands in the way of a release, and what to do about it.
type Refusal struct {
	What, Next string
	Who        string // did not answer, so that it is not known
	Err        error
}

// Refused lists everything that stands in the way.
type Refused []Refusal

func (r Refused) Error() string {
	var all []string
	for _, one := range r {
		all = append(all, one.What)
	}
	return strings.Join(all, "; ")
}

// Next is every advice once.
func (r Refused) Next() string {
	var all []string
	for _, one := range r {
		if one.Next != "" && !slices.Contains(all, one.Next) {
			all = append(all, one.Next)
		}
	}
	return strings.Join(all, "; ")
}

// Unwrap gives those who know more about an error the chance to say so.
func (r Refused) Unwrap() []error {
	var all []error
	for _, one := range r {
		if one.Err != nil {
			all = append(all, one.Err)
		}
	}
	return all
}

// decision is one in the making.
type decision struct {
	o       Observed
	q       Request
	plan    Plan
	refused Refused
}

// Decide says what a run does about a version, from what was observed: what is to be done, what is done already, and which
// tags may move. It is the whole of the rules on second runs (section 12): a reader who wants to know what one does need not
// look any further. The error is of type Refused; the plan beside it says what would be done without what it names.
func Decide(o Observed, q Request) (Plan, error) {
	d := decision{o: o, q: q, plan: Plan{Request: q}}
	for _, rule := range []func(){
		d.answers, d.something, d.branch, d.tags, d.images, d.platforms, d.tagsOfImages, d.doubted, d.page, d.withdrawn, d.previous, d.staging, d.worthKnowing,
	} {
		rule()
	}
	d.plan.Effects = d.effects()
	if len(d.refused) > 0 {
		return d.plan, d.refused
	}
	return d.plan, nil
}

func (d *decision) refuse(next, format string, args ...any) {
	d.refused = append(d.refused, Refusal{What: fmt.Sprintf(format, args...), Next: next})
}

func (d *decision) note(format string, args ...any) {
	d.plan.Notes = append(d.plan.Notes, fmt.Sprintf(format, args...))
}

// answers: only a definite no means that something is absent (T10).
func (d *decision) answers() {
	about := "the registry"
	if untold := new(Untold); errors.As(d.o.Registry.Err, &untold) {
		about = "who has signed"
	}
	for _, part := range []struct {
		what string
		err  error
	}{{about, d.o.Registry.Err}, {"the git remote", d.o.Remote.Err}, {"the forge", d.o.Forge.Err}, {"the staging server", d.o.Staging.Err}} {
		if part.err != nil {
			d.refused = append(d.refused, Refusal{What: part.err.Error(), Who: part.what, Err: part.err})
		}
	}
	if !d.o.Remote.Read() && d.o.Remote.Err == nil {
		d.note("release branch, protected tags and the release lock: %s", d.o.Remote.Why)
	}
}

// something: a release that publishes nothing is never green.
func (d *decision) something() {
	nowhere := d.o.Remote.Why != "" && d.o.Forge.Why != ""
	if len(d.q.Images) == 0 && nowhere {
		d.refuse("set images and registry, or forgeToken", "there is nothing to release: no images are set, and there is no forge to release on (%s)", d.o.Forge.Why)
	}
}

// branch: a release branch of the remote has the commit (G2).
func (d *decision) branch() {
	if !d.o.Remote.Read() || d.o.Remote.Is.Has {
		return
	}
	if len(d.o.Remote.Is.From) == 0 {
		d.refuse("set releaseBranches to the branches that you release from",
			"the remote names no default branch, and none of its branches fits releaseBranches (%s)", orNone(report.Few(d.q.Branches)))
		return
	}
	d.refuse("push it to one of them, or set releaseBranches",
		"no release branch of the remote contains commit %s; they are %s", short(d.q.Commit), report.Few(d.o.Remote.Is.From))
}

const elsewhere = "check out that commit to finish its release, or release the next patch version"

// tags: the version's tag is free, or names this commit, on the remote and here (G5).
func (d *decision) tags() {
	named := map[Tag]bool{}
	for _, tag := range d.o.Remote.Is.tags() {
		if d.isOurs(tag) && tag.Commit != d.q.Commit {
			named[tag] = true
			d.refuse(elsewhere, "the tag %s exists on the remote and names %s, not commit %s", tag.Name, tag.Commit, d.q.Commit)
		}
	}
	for _, tag := range d.q.Local {
		if !d.isOurs(tag) || tag.Commit == d.q.Commit || named[tag] {
			continue
		}
		next := elsewhere
		if d.o.Remote.Read() && !d.onRemote(tag) {
			next = "it is only in this clone: if it is of no use, remove it with git tag -d " + tag.Name
		}
		d.refuse(next, "the tag %s exists and names %s, not commit %s", tag.Name, tag.Commit, d.q.Commit)
	}
}

// isOurs says whether the tag stands for the version that is released.
func (d *decision) isOurs(tag Tag) bool {
	v, ok := d.q.Prefix.FromTag(tag.Name)
	return ok && v == d.q.Version
}

// onRemote says whether the remote has a tag of that name.
func (d *decision) onRemote(tag Tag) bool { return d.o.Remote.Is.Of["refs/tags/"+tag.Name] != "" }

// images: what stands under the version was built from this commit, as this version, and if the release signs it has a
// provenance by its signer (T5, T6). Force does not help.
func (d *decision) images() {
	for _, name := range d.q.Images {
		at, ok := d.o.Registry.Is.Version[name]
		if !ok || d.isOwn(name, at) {
			continue
		}
		where := d.versioned(name)
		const never = "release the next patch version: a released version is never overwritten"
		switch revision := at.Revision(); {
		case revision == "":
			d.refuse(never, "%s exists and does not say which commit it is from", where)
		case revision != d.q.Commit:
			d.refuse(fmt.Sprintf("check out %s to finish that release, or release the next patch version", revision),
				"%s exists and belongs to commit %s, not to %s", where, revision, d.q.Commit)
		case at.Version() != d.q.Version.String():
			d.refuse(never, "%s exists and was built as version %s", where, orNone(at.Version()))
		default:
			d.refuse("release the next patch version; if who has signed is yours too, let signerIdentity name it, or use the key that it was begun with; if it was released before "+
				"releases were signed, finish it without what signs, and with requireSigned=off",
				"%s exists, and nobody vouches for it: expected a provenance by the signer of this release, found %s", where, d.o.Registry.Is.Doubts[where])
		}
	}
}

// versioned is the image under the version's tag.
func (d *decision) versioned(name string) string { return name + ":" + d.q.Version.String() }

// isOwn says whether an image that would be used again is of this release.
func (d *decision) isOwn(name string, at registry.Image) bool {
	return sameRelease(at, d.q) && d.o.Registry.Is.Doubts[d.versioned(name)] == ""
}

// platforms: images of an earlier run are for what this one is asked for.
func (d *decision) platforms() {
	for _, name := range d.q.Images {
		at, ok := d.o.Registry.Is.Reusable(name)
		if ok && d.isOwn(name, at) && len(d.q.Platforms) > 0 && !slices.Equal(at.Platforms, d.q.Platforms) {
			d.refuse("set platforms to what the release began with, or commit something and release that",
				"%s@%s was pushed for %s, and the setting platforms says %s", name, at.Digest, strings.Join(at.Platforms, ", "), strings.Join(d.q.Platforms, ", "))
		}
	}
}

// page: the release on the forge is free, ours to finish, or complete (P3 to P5).
func (d *decision) page() {
	if !d.o.Forge.Read() {
		return
	}
	d.bareTag()
	found, err := forge.Find(d.o.Forge.Is, d.q.TagName(), d.q.Commit)
	if err != nil {
		d.refuse("", "%v", err)
		return
	}
	d.plan.Page, d.plan.Pages = found, d.o.Forge.Is
	if found == nil {
		d.standing()
	}
	if found != nil && found.Immutable && len(d.plan.missing()) > 0 {
		d.refuse("use the next patch version", "the release %s is published, immutable and incomplete: %s", found.Tag, report.Few(d.plan.missing()))
	}
}

// standing: the draft that is kept for whatever comes next becomes this release's.
func (d *decision) standing() {
	var err error
	if d.plan.Standing, err = adoptable(d.o.Forge.Is, d.plan); err != nil {
		d.refuse("", "%v", err)
	}
}

// bareTag: the forge's release is of the tag with the prefix, which nobody pushes beside another that says the same.
func (d *decision) bareTag() {
	tag, known := FindTag(d.q.Prefix, d.o.Remote.Is.tags(), d.q.Version)
	if !known || tag.Name == d.q.TagName() {
		return
	}
	d.refuse(fmt.Sprintf("if your tags are like that, set tagPrefix to nothing; else push the other one as well: git push origin %s:refs/tags/%s", tag.Commit, d.q.TagName()),
		"the tag %s stands for this version, and the release on the forge needs %s", tag.Name, d.q.TagName())
}

// withdrawn: what a rollback has taken back is not used again.
func (d *decision) withdrawn() {
	if d.o.IsWithdrawn(d.q.Prefix, d.q.Version) {
		d.refuse("use the next patch version", "%s was withdrawn by a rollback", d.q.Version)
	}
}

func short(commit string) string { return commit[:min(7, len(commit))] }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
