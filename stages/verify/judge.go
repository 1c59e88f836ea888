package verify

import (
	"fmt"
	"strings"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/release"
)

// judge is a table in the making.
type judge struct {
	Facts
	commit string // that all of it has to be of
	table  Table
}

// Judge compares everything with everything. What could not be compared is named, and never ok.
func Judge(f Facts) Table {
	j := &judge{Facts: f}
	j.tag()
	if read(j, "registry", f.Observed.Registry) {
		j.images()
	}
	if read(j, "release page", f.Page) {
		j.page()
	}
	j.withdrawn()
	if read(j, "servers", f.Servers) {
		for _, seen := range f.Servers.Is {
			j.server(seen)
		}
	}
	return j.table
}

// images are those under the version, what hangs below them, and the tags that point to them.
func (j *judge) images() {
	for _, name := range j.Request.Images {
		j.tagged(name)
	}
	if read(j, "what is attached to the images", j.Images) {
		for _, name := range sortedKeys(j.Images.Is) {
			j.attached(name, j.Images.Is[name])
		}
	}
	if read(j, "floating tags", j.Floating) {
		j.floating()
	}
}

// JudgeImages says of what a server is to run who has signed it, and of which commit it is, before it runs.
func JudgeImages(f Facts, commit string) Table {
	j := &judge{Facts: f, commit: commit}
	if commit == "" {
		j.add(Different, "commit", "that of the images", "none")
	}
	if read(j, "what is attached to the images", f.Images) {
		for _, name := range sortedKeys(f.Images.Is) {
			j.kind(name, f.Images.Is[name], attest.Signature)
			j.kind(name, f.Images.Is[name], attest.Provenance)
		}
	}
	return j.table
}

func (j *judge) add(verdict Verdict, what, expected, format string, args ...any) {
	j.table = append(j.table, Row{What: what, Expected: expected, Found: fmt.Sprintf(format, args...), Verdict: verdict})
}

// same is ok if the two are equal.
func (j *judge) same(what, expected, found string) {
	verdict := OK
	if expected != found {
		verdict = Different
	}
	j.add(verdict, what, orNone(short(expected)), "%s", orNone(short(found)))
}

// read says whether there is an answer, and names the part if there is none.
func read[T any](j *judge, what string, p release.Part[T]) bool {
	switch {
	case p.Err != nil:
		j.add(NotRead, what, "an answer", "%v", p.Err)
	case !p.Read():
		j.add(NotChecked, what, "an answer", "%s", orNone(p.Why))
	}
	return p.Read()
}

// tag says which commit everything has to be of: what the remote says goes before what anybody's clone says.
func (j *judge) tag() {
	q, where := j.Request, "this clone, because of the remote: "+j.Observed.Remote.Why
	tags := q.Local
	switch {
	case j.Observed.Remote.Err != nil:
		read(j, "git tag "+q.TagName(), j.Observed.Remote)
		return
	case j.Observed.Remote.Read():
		tags, where = release.TagsOf(j.Observed.Remote.Is.Refs), "the remote"
	}
	what := "git tag " + q.TagName() + " of " + where
	at, found := release.FindTag(q.Prefix, tags, q.Version)
	if !found {
		j.add(Different, what, "a commit", "none")
		return
	}
	j.commit = at.Commit
	j.add(OK, what, "a commit", "%s", short(at.Commit))
}

// tagged is what stands under the version in the registry.
func (j *judge) tagged(name string) {
	what, v := "image "+name, j.Request.Version.String()
	at, found := j.Observed.Registry.Is.Version[name]
	if !found {
		j.add(Different, what, "an image under "+v, "none")
		return
	}
	j.same("version of "+what, v, at.Version())
	j.ofCommit("commit of "+what, at.Revision())
	if len(j.Request.Platforms) > 0 {
		j.same("platforms of "+what, strings.Join(j.Request.Platforms, ", "), strings.Join(at.Platforms, ", "))
	}
}

// digest is what stands under the version, empty if it is not known.
func (j *judge) digest(name string) string { return j.Observed.Registry.Is.Version[name].Digest }

// ofCommit compares with the commit of the tag; without one, things can still be of different commits.
func (j *judge) ofCommit(what, commit string) {
	if j.commit == "" {
		j.add(NotChecked, what, "that of the git tag, which is not known", "%s", orNone(short(commit)))
		return
	}
	j.same(what, j.commit, commit)
}

// withdrawn: a version that was taken back is not what anybody should use.
func (j *judge) withdrawn() {
	if j.Observed.IsWithdrawn(j.Request.Prefix, j.Request.Version) {
		j.add(Different, "rollbacks", j.Request.Version.String()+" in use", "it was taken back by one")
	}
}

// floating: each tag is where the rules want it, which may be another version.
func (j *judge) floating() {
	for _, t := range j.Floating.Is {
		what := "tag " + t.Tag + " of " + t.Image
		switch {
		case t.Belongs == "" && t.Is == "":
		case t.Belongs == "" && t.Is == j.digest(t.Image):
			j.add(Different, what, "not "+j.Request.Version.String()+", which is no version for it", "%s", short(t.Is))
		case t.Belongs == "" || t.Want == "":
			j.add(NotChecked, what, "an image of "+orNone(t.Belongs), "%s", orNone(short(t.Is)))
		case t.Want == t.Is:
			j.add(OK, what, t.Belongs, "%s", short(t.Is))
		default:
			j.add(Different, what, t.Belongs+" "+short(t.Want), "%s", orNone(short(t.Is)))
		}
	}
}

// known says whether there is a way to tell who has signed.
func (j *judge) known() bool { return j.Signer != "" }

const noSigner = "no key and no identity is known"

// signedBy is who is expected, in words.
func (j *judge) signedBy() string {
	if j.known() {
		return "signed by " + j.Signer
	}
	return "a signature"
}
