package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

// The values of the setting releasedIn.
const (
	releasedByLabel   = "label"
	releasedByComment = "comment"
)

// longestLabel is what GitHub and Gitea take, and usualVersion is as long as versions get.
const (
	longestLabel = 50
	usualVersion = "2026.12.31"
)

func checkReleasedIn(value string, prefix version.TagPrefix) error {
	if value != "" && value != releasedByLabel && value != releasedByComment {
		return fmt.Errorf("expected %s or %s, found %q", releasedByLabel, releasedByComment, value)
	}
	label := releasedWords + string(prefix) + usualVersion
	if value == releasedByLabel && prefix != version.DefaultTagPrefix && len(label) > longestLabel {
		return fmt.Errorf("expected a label of at most %d characters, found %q with tagPrefix: set it to %s", longestLabel, label, releasedByComment)
	}
	return nil
}

// announcing bounds what is said on pull requests and issues, because the team waits for it.
const announcing = 10 * time.Minute

// announce says on pull requests and issues which release they are in, and then tells the team (stage 9).
func (r *Run) announce(ctx context.Context) (Outcome, error) {
	figures := r.signRelease(ctx)
	told, err := r.notify(ctx)
	told.Figures = append(figures, told.Figures...)
	return told, err
}

// wouldAnnounce shows what announce would do.
func (r *Run) wouldAnnounce(ctx context.Context) (Outcome, error) {
	would, err := r.wouldNotify(ctx)
	if places := r.places(); len(places) > 0 {
		var all forge.Signed
		for _, at := range places {
			all.Count(at)
		}
		would.Figures = append(would.Figures, fmt.Sprintf("would mark %s as %s", counted(all), r.releasedIn()))
	}
	return would, err
}

// signRelease does not decide the result: what did not work is a warning.
func (r *Run) signRelease(ctx context.Context) []string {
	if r.found.act == nil || !r.marks() {
		return nil
	}
	if r.found.closed == nil {
		return []string{"warning: no pull request or issue says " + r.releasedIn() + ": the forge did not answer which were merged; " + signAgain}
	}
	places := r.places()
	ctx, cancel := context.WithTimeout(ctx, announcing)
	defer cancel()
	done, err := r.found.act.Announce(ctx, places, r.sign())
	var figures []string
	if done.Pulls+done.Issues > 0 {
		figures = append(figures, counted(done)+" say "+r.releasedIn())
	}
	if err != nil {
		figures = append(figures, fmt.Sprintf("warning: %d pull requests and issues do not say %s: %s; %s", done.Left, r.releasedIn(), strings.ReplaceAll(err.Error(), "\n", "; "), signAgain))
	}
	return figures
}

// signAgain is what to do about those that are left. Nobody is told of the release again by that.
const signAgain = "run the same line again to mark those that are left"

func counted(s forge.Signed) string {
	return counting(s.Pulls, "pull request") + " and " + counting(s.Issues, "issue")
}

func counting(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const releasedWords = "released in "

// releasedIn is one wording everywhere. A product of several is told by its tag.
func (r *Run) releasedIn() string {
	if r.config.tagPrefix == version.DefaultTagPrefix {
		return releasedWords + r.Version.String()
	}
	return releasedWords + r.tagName()
}

func (r *Run) sign() forge.Sign {
	if r.config.ReleasedIn == releasedByLabel {
		return forge.Sign{Label: r.releasedIn()}
	}
	mark := "<!-- slipway: released in " + r.tagName() + " -->"
	name := strings.TrimPrefix(changelog.EscapeMarkdown(r.releasedIn()), releasedWords)
	return forge.Sign{
		Comment: fmt.Sprintf("Released in [%s](%s).\n\n%s", name, r.found.act.PageURL(), mark), Mark: mark,
		Since: r.source.time.Add(-24 * time.Hour), // clocks disagree
	}
}

// marks says whether pull requests and issues are to be marked.
func (r *Run) marks() bool {
	return r.config.ReleasedIn != "" && r.access.writable && !r.Version.IsPrerelease()
}

// places are the merged pull requests of the notes and the issues that they close, each once. What a subject names besides may
// be anything, and is left alone.
func (r *Run) places() (places []forge.Place) {
	if !r.marks() {
		return nil
	}
	add := func(p forge.Place) {
		if !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	for _, s := range r.found.notes.Sections {
		for _, e := range s.Entries {
			for _, number := range e.Numbers {
				if _, merged := r.found.closed[number]; merged {
					add(forge.Place{Pull: true, Number: number})
				}
			}
		}
	}
	for _, p := range slices.Clone(places) {
		for _, number := range r.found.closed[p.Number] {
			add(forge.Place{Number: number})
		}
	}
	return places
}

// noteClosed keeps which pull requests were found, and which of the issues that were found each closes.
func (r *Run) noteClosed(pulls []changelog.PullRequest, issues []changelog.Issue, links changelog.Links) {
	var closed map[int][]int
	if pulls != nil {
		closed = map[int][]int{}
	}
	for _, p := range pulls {
		closed[p.Number] = nil
		for _, number := range p.Closes(links) {
			if slices.ContainsFunc(issues, func(i changelog.Issue) bool { return i.Number == number }) {
				closed[p.Number] = append(closed[p.Number], number)
			}
		}
	}
	r.found.mu.Lock()
	defer r.found.mu.Unlock()
	r.found.closed = closed
}
