package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// page is this version's release on the forge, as far as it has got.
type page struct {
	repository forge.Repository
	forge      forge.Forge
	writable   bool           // a token is set
	found      *forge.Release // nil before it is created
	releases   []forge.Release
}

// checkForge finds the forge and whether the token may do the last step, before the first one starts.
func (r *Run) checkForge(ctx context.Context) error {
	if err := r.openForge(ctx); err != nil || r.page == nil || !r.page.writable {
		return err
	}
	return r.checkPage(ctx)
}

// openForge finds the forge, without which everything goes on but the release on it.
func (r *Run) openForge(ctx context.Context) error {
	if r.source.remote == "" && r.config.Repository == "" {
		return nil
	}
	token, err := secretText(ctx, r.config.ForgeToken, "forgeToken")
	if err != nil {
		return refuseInput(err)
	}
	repository, err := forge.Detect(r.source.remote, r.config.Forge, r.config.Repository)
	if err != nil {
		if token == "" {
			r.notCheckedf("the forge: %v", err)
			return nil
		}
		return refuseInput(err)
	}
	r.page = &page{repository: repository, forge: forge.New(repository, token), writable: token != ""}
	if !r.page.writable {
		r.notCheckedf("the release on %s: no forgeToken is set", repository.Web)
	}
	return nil
}

func (r *Run) checkPage(ctx context.Context) error {
	unchecked, err := r.page.forge.CanRelease(ctx, r.tagName())
	if err != nil {
		return r.unlessDry("the forge", forgeAway(err))
	}
	if unchecked != "" {
		r.notCheckedf("%s", unchecked)
	}
	if err := r.checkTagName(); err != nil {
		return err
	}
	releases, err := r.page.forge.Releases(ctx)
	if err != nil {
		return r.unlessDry("the forge", forgeAway(err))
	}
	r.page.releases = releases
	r.withdrawn = r.withdrawnOf(releases)
	if err := r.refuseWithdrawn(); err != nil {
		return err
	}
	if r.page.found, err = forge.Find(releases, r.tagName(), r.source.commit); err != nil {
		return r.refuse("", "%v", err)
	}
	if found := r.page.found; found != nil && found.Immutable && len(r.missingAssets(found)) > 0 {
		return r.refuse("use the next patch version", "the release %s is published, immutable and incomplete: %s", found.Tag, listOf(r.missingAssets(found)))
	}
	return nil
}

// checkTagName wants the remote to know the version by no other tag than the one that its release is of.
func (r *Run) checkTagName() error {
	tag, known := r.remoteTag()
	if !known || tag.name == r.tagName() {
		return nil
	}
	return r.refuse(fmt.Sprintf("if your tags are like that, set tagPrefix to nothing; else push the other one as well: git push origin %s:%s%s", tag.commit, tagRefs, r.tagName()),
		"the tag %s stands for this version, and the release on the forge needs %s", tag.name, r.tagName())
}

// withdrawnOf are the versions that the forge says were taken back.
func (r *Run) withdrawnOf(releases []forge.Release) []version.Version {
	var withdrawn []version.Version
	for _, tag := range forge.Withdrawn(releases) {
		if v, ok := r.config.tagPrefix.FromTag(tag); ok {
			withdrawn = append(withdrawn, v)
		}
	}
	return withdrawn
}

// unlessDry is an error for a real run, and something that was not checked for a dry one.
func (r *Run) unlessDry(what string, err error) error {
	if r.DryRun {
		r.notCheckedf("%s: %v", what, err)
		return nil
	}
	return err
}

// forgeAway is a forge that does not answer as it should, before anything was written.
func forgeAway(err error) error {
	return &failure{err: err, outcome: report.RefusedState, ending: report.Broken, next: "nothing was written; see the setting forgeToken"}
}

// createRelease pushes the tag and makes the release as a draft with its notes and files. It is published when everything
// else has worked.
func (r *Run) createRelease(ctx context.Context) (Outcome, error) {
	switch {
	case r.page == nil:
		return notConfigured("no forge"), nil
	case !r.page.writable && !r.DryRun:
		return notConfigured("no forgeToken"), nil
	}
	notes, err := r.changelog(ctx)
	if err != nil {
		return Outcome{}, err
	}
	figures := noteFigures(notes)
	r.body = r.releaseBody(notes)
	if r.DryRun {
		return Outcome{Ending: report.DryRun, Reason: "would tag and release", Figures: figures}, nil
	}
	if err := r.checkLock(ctx); err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	pushed, err := r.pushTag(ctx)
	if err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	if pushed {
		figures = append(figures, "tag "+r.tagName()+" pushed")
	}
	if err := r.draft(ctx); err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	files, err := r.files(ctx)
	if err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	return passed(append(figures, files...)...), nil
}

// entries counts the changes; a breaking one stands in its own category as well.
func entries(notes changelog.Notes) int {
	count := 0
	for _, s := range notes.Sections {
		if s.Name != changelog.Breaking {
			count += len(s.Entries)
		}
	}
	return count
}

func noteFigures(notes changelog.Notes) []string {
	figures := []string{fmt.Sprintf("%d changes", entries(notes))}
	if notes.Degraded != "" {
		figures = append(figures, "notes degraded: "+notes.Degraded)
	}
	return figures
}

// releaseBody is the notes, with what was skipped by force above them.
func (r *Run) releaseBody(notes changelog.Notes) string {
	body := notes.Markdown(changelog.BodyLimit)
	if r.Reason == "" {
		return body
	}
	return "**Forced release** by " + changelog.EscapeMarkdown(r.who()) + ", skipped " + forceSkips + ": " + changelog.EscapeMarkdown(r.Reason) + "\n\n" + body
}

// draft makes the release, or writes the notes into the one that is there and keeps the text of people.
func (r *Run) draft(ctx context.Context) error {
	p := r.page
	if p.found == nil && !p.forge.Capabilities().Drafts {
		return nil // made at the publish step, because there it cannot be hidden
	}
	if p.found == nil {
		made, err := p.forge.CreateDraft(ctx, r.releasePage())
		if err != nil {
			return err
		}
		p.found = &made
	}
	next := *p.found
	next.Title, next.Prerelease = r.tagName(), r.Version.IsPrerelease()
	next.Body = forge.WithNotes(p.found.Body, r.body)
	if next.Body == p.found.Body && next.Title == p.found.Title && next.Prerelease == p.found.Prerelease {
		return nil
	}
	if !p.found.Draft {
		next.Latest = r.isLatest()
	}
	updated, err := p.forge.UpdateRelease(ctx, next)
	if err == nil {
		p.found = &updated
	}
	return err
}

func (r *Run) releasePage() forge.Release {
	return forge.Release{
		Tag: r.tagName(), Commit: r.source.commit, Title: r.tagName(), Body: forge.WithNotes("", r.body), Draft: true,
		Prerelease: r.Version.IsPrerelease(),
	}
}

// isLatest is the decision on the tag latest, which the forge's mark follows.
func (r *Run) isLatest() bool {
	return slices.ContainsFunc(version.FloatingTags(r.Version, r.stable()), func(d version.Decision) bool { return d.Tag == "latest" && d.Moves })
}

const (
	checksumsFile = "checksums.txt"
	reportFile    = "report.json"
)

// missingAssets are the files that a finished release has and this one has not.
func (r *Run) missingAssets(found *forge.Release) []string {
	want := []string{checksumsFile, reportFile}
	for _, i := range r.config.images {
		for _, p := range r.config.platforms {
			want = append(want, sbomName(r.config.label(i.Name, p)))
		}
	}
	return slices.DeleteFunc(want, func(name string) bool {
		return slices.ContainsFunc(found.Assets, func(a forge.Asset) bool { return a.Name == name })
	})
}

// files attaches a list of contents for every image, the report so far and their checksums. A published release that has
// them all is left as it is.
func (r *Run) files(ctx context.Context) ([]string, error) {
	if r.page.found == nil || !r.page.found.Draft && len(r.missingAssets(r.page.found)) == 0 {
		return nil, nil
	}
	files, err := r.sboms(ctx)
	if err != nil {
		return nil, err
	}
	text, err := r.reportSoFar().JSON()
	if err != nil {
		return nil, err
	}
	files = append(files, forge.File{Name: reportFile, ContentType: "application/json", Data: []byte(text)})
	files = append(files, checksums(files))
	for _, f := range files {
		if _, err := r.page.forge.UploadAsset(ctx, *r.page.found, f); err != nil {
			return nil, fmt.Errorf("attaching %s: %w", f.Name, err)
		}
	}
	return []string{fmt.Sprintf("%d files attached", len(files))}, nil
}

// checksums lists the files in the form that sha256sum --check reads.
func checksums(files []forge.File) forge.File {
	var b strings.Builder
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(sum[:]), f.Name)
	}
	return forge.File{Name: checksumsFile, ContentType: "text/plain", Data: []byte(b.String())}
}

// publishRelease shows the draft to everybody. It is the last step, because nobody can take it back.
func (r *Run) publishRelease(ctx context.Context) error {
	if r.page == nil || !r.page.writable || r.DryRun {
		return nil
	}
	p := r.page
	if p.found != nil && !p.found.Draft {
		return nil
	}
	next := r.releasePage()
	if p.found != nil {
		next = *p.found
	}
	next.Latest, next.Draft = r.isLatest(), false
	published, err := p.forge.Publish(ctx, next)
	if err != nil {
		r.setOutcome(report.PublishIncomplete)
		return &failure{err: err, ending: report.Broken, next: "images and tags are published, the release on the forge is still a draft; run the same line again"}
	}
	p.found = &published
	return nil
}

// forgeInput is what the forge knows of a range of commits; what it could not be asked for stays nil, and the notes say so.
func (r *Run) forgeInput(ctx context.Context, commits []changelog.Commit) (in changelog.Input, links changelog.Links) {
	if r.page == nil {
		return in, links
	}
	links = r.page.repository.Links()
	pulls, err := r.page.forge.PullRequests(ctx, forge.Range{Commits: commits, Numbers: changelog.Numbers(commits, links)})
	if err != nil {
		r.notCheckedf("pull requests for the notes: %v", err)
		return in, links
	}
	in.PullRequests = pulls
	var closed []int
	for _, p := range pulls {
		closed = append(closed, p.Closes(r.page.repository.Path)...)
	}
	issues, err := r.page.forge.Issues(ctx, closed, oldest(commits))
	if err != nil {
		r.notCheckedf("issues for the notes: %v", err)
		return in, links
	}
	in.Issues = issues
	return in, links
}

// oldest is the time of the first commit of a range.
func oldest(commits []changelog.Commit) time.Time {
	if len(commits) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(commits, func(a, b changelog.Commit) int { return a.Time.Compare(b.Time) }).Time
}
