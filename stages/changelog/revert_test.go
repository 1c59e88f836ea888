package changelog

import (
	"slices"
	"strings"
	"testing"
)

// TestReverts has C4, C5 and fault cases 24 to 26. Cancelled lines read "commit <- revert" or "revert -> target".
func TestReverts(t *testing.T) {
	x := row{id: "x", message: "feat: x"}
	undo := row{id: "r", message: "Revert \"feat: x\"\n\nThis reverts commit {x}."}
	again := row{id: "a", message: "Reapply \"feat: x\"\n\nThis reverts commit {r}."}
	pull5 := row{id: "x", message: "feat: x (#5)"}
	long := row{id: "x", message: "feat(ui): a very long title of a pull request (#10)"}
	long2 := row{id: "y", message: "feat(ui): a very long title of a pull request (#13)"}
	branch7 := []row{
		{id: "i1", message: "feat: one", parents: "outside"},
		{id: "i2", message: "two", parents: "i1"},
		{id: "m", message: "Merge pull request #7 from acme/seven\n\nfeat: seven", parents: "outside i2"},
	}
	revertOf7 := "Revert \"Merge pull request #7 from acme/seven\"\n\nThis reverts commit {m}, reversing\nchanges made to {i1}."
	for _, test := range []struct {
		name            string
		rows            []row
		pulls           []PullRequest
		want, cancelled []string
	}{
		{name: "feature and revert", rows: []row{x, undo}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "target of an earlier release", rows: []row{{id: "r", message: "Revert \"feat: old\"\n\nThis reverts commit {old}."}},
			want: []string{`Miscellaneous: Revert "feat: old"`}},
		{name: "abbreviated hash and a subject of its own", rows: []row{x, {id: "r", message: "Undo x\n\nThis reverts commit {x:7} (feat: x, 2024-01-01)."}},
			cancelled: []string{"x <- r", "r -> x"}},
		{name: "hash of four digits", rows: []row{x, {id: "r", message: "Undo x\n\nThis reverts commit {x:4}."}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "hash of three digits says nothing", rows: []row{x, {id: "r", message: "Undo x\n\nThis reverts commit {x:3}."}},
			want: []string{"Features: x", "Miscellaneous: Undo x"}},
		{name: "hash in capitals", rows: []row{x, {id: "r", message: "Undo x\n\nThis reverts commit " + strings.ToUpper(hashOf("x"))}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "words in the middle of a line", rows: []row{x, {id: "r", message: "Undo x\n\nIt broke. This reverts commit {x}."}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "a newer commit is no target", rows: []row{undo, x}, want: []string{"Features: x", `Miscellaneous: Revert "feat: x"`}},
		{name: "reapplied", rows: []row{x, undo, again}, want: []string{"Features: x"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "reapplied and reverted", rows: []row{x, undo, again, {id: "z", message: "Revert it\n\nThis reverts commit {a}."}},
			cancelled: []string{"x <- r", "r -> x", "a <- z", "z -> a"}},
		{name: "the original reverted again after it was reapplied", rows: []row{x, undo, again, {id: "z", message: "Revert it\n\nThis reverts commit {x}."}},
			cancelled: []string{"x <- z", "r <- a", "a -> r", "z -> x"}},
		{name: "revert of an earlier release, reapplied", rows: []row{{id: "r", message: "Revert it\n\nThis reverts commit {old}."}, again},
			cancelled: []string{"r <- a", "a -> r"}},
		{name: "revert of an earlier release, three times", rows: []row{{id: "r", message: "Revert old\n\nThis reverts commit {old}."}, again, {id: "z", message: "Revert it\n\nThis reverts commit {a}."}},
			want: []string{"Miscellaneous: Revert old"}, cancelled: []string{"a <- z", "z -> a"}},
		{name: "squash revert by number", rows: []row{pull5, {id: "r", message: "Revert \"feat: x (#5)\" (#6)\n\nReverts acme/shop#5"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "number in another repository", rows: []row{pull5, {id: "r", message: "Revert \"feat: x (#5)\" (#6)\n\nReverts other/shop#5"}},
			want: []string{"Features: x #5", `Miscellaneous: Revert "feat: x (#5)" #6`}},
		{name: "number further down", rows: []row{pull5, {id: "r", message: "Undo (#6)\n\nIt was slow.\n\nReverts acme/shop#5"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "another number first", rows: []row{pull5, {id: "r", message: "Undo (#6)\n\nReverts other/shop#4\nReverts acme/shop#5"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "no number and no hash", rows: []row{pull5, {id: "r", message: "Undo (#6)\n\nReverts acme/shop#5x\nThis reverts commit {x:7}zz"}},
			want: []string{"Features: x #5", "Miscellaneous: Undo #6"}},
		{name: "its own number", rows: []row{{id: "r", message: "fix: y (#6)\n\nReverts acme/shop#6"}}, want: []string{"Bug Fixes: y #6"}},
		{name: "merge request", rows: []row{pull5, {id: "r", message: "Revert x\n\nThis reverts merge request !5"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "squash revert told only by the forge", rows: []row{pull5, {id: "r", message: "Undo (#6)"}}, pulls: []PullRequest{{Number: 6, Title: "Undo", Body: "Reverts acme/shop#5"}},
			cancelled: []string{"x <- r", "r -> x"}},
		{name: "number of an earlier release", rows: []row{{id: "r", message: "Revert old (#6)\n\nReverts acme/shop#5"}}, want: []string{"Miscellaneous: Revert old #6"}},
		{name: "pull request reapplied", rows: []row{pull5, {id: "r", message: "Revert x (#6)\n\nReverts acme/shop#5"}, {id: "a", message: "Reapply x (#8)\n\nReverts acme/shop#6"}},
			want: []string{"Features: x #5"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "revert of a merge", rows: append(slices.Clone(branch7), row{id: "r", message: revertOf7}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> m"}},
		{name: "revert of a merge takes a later commit of the pull request too", rows: append(slices.Clone(branch7),
			row{id: "f", message: "fix: after seven (#7)"}, row{id: "r", message: revertOf7}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "f <- r", "r -> m"}},
		{name: "revert of a merge, by a merge", rows: append(slices.Clone(branch7),
			row{id: "r", message: revertOf7, parents: "m"}, row{id: "mr", message: "Merge pull request #8 from acme/undo\n\nRevert seven", parents: "m r"}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> m", "mr -> m"}},
		{name: "revert of a merge, told only by the forge", rows: append(slices.Clone(branch7),
			row{id: "r", message: "undo", parents: "m"}, row{id: "mr", message: "Merge pull request #8 from acme/undo", parents: "m r"}),
			pulls:     []PullRequest{{Number: 8, Title: "Undo", Body: "Reverts acme/shop#7"}},
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> i1", "mr -> i1"}},
		{name: "revert of a merge, told only by the branch", rows: append(slices.Clone(branch7),
			row{id: "r", message: `Revert "feat: seven"`, parents: "m"}, row{id: "mr", message: "Merge pull request #8 from acme/revert-7-seven\n\nRevert \"feat: seven\"", parents: "m r"}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> i1", "mr -> i1"}},
		{name: "a branch that is only called like a revert", rows: append(slices.Clone(branch7),
			row{id: "r", message: "work", parents: "m"}, row{id: "mr", message: "Merge pull request #8 from acme/revert-7-seven\n\nfix: seven", parents: "m r"}),
			want: []string{"Features: seven #7", "Bug Fixes: seven #8"}},
		{name: "a branch reverts what an earlier release had", rows: []row{
			{id: "r", message: `Revert "feat: old"`, parents: "outside"}, {id: "mr", message: "Merge pull request #8 from acme/revert-7-seven\n\nRevert \"feat: old\"", parents: "outside r"}},
			want: []string{`Miscellaneous: Revert "feat: old" #8`}},
		{name: "revert of a merge without a pull request", rows: []row{
			{id: "i1", message: "feat: one", parents: "outside"}, {id: "m", message: "Merge branch 'one'", parents: "outside i1"}, {id: "r", message: revertOf7}},
			cancelled: []string{"i1 <- r", "m <- r", "r -> m"}},
		{name: "revert of a merge that holds another pull request", rows: []row{
			{id: "i1", message: "feat: one (#3)", parents: "outside"}, {id: "m", message: "Merge pull request #7 from acme/seven", parents: "outside i1"}, {id: "r", message: revertOf7}},
			cancelled: []string{"i1 <- r", "m <- r", "r -> m"}},
		{name: "revert of a merge made on the branch keeps the rest", rows: []row{
			{id: "i1", message: "feat: one", parents: "outside"}, {id: "t", message: "topic", parents: "i1"},
			{id: "mt", message: "Merge branch 'topic'", parents: "i1 t"}, {id: "r", message: "Undo\n\nThis reverts commit {mt}.", parents: "mt"},
			{id: "m", message: "Merge pull request #7 from acme/seven\n\nfeat: seven", parents: "outside r"}},
			want: []string{"Features: seven #7"}, cancelled: []string{"t <- r", "mt <- r", "r -> mt"}},
		{name: "one of two commits of a pull request", rows: append(slices.Clone(branch7), row{id: "r", message: "Undo\n\nThis reverts commit {i1}."}),
			want: []string{"Features: seven #7"}, cancelled: []string{"i1 <- r", "r -> i1"}},
		{name: "each commit of a pull request", rows: append(slices.Clone(branch7), row{id: "r", message: "Undo\n\nThis reverts commit {i1}."}, row{id: "q", message: "Undo\n\nThis reverts commit {i2}."}),
			cancelled: []string{"i1 <- r", "i2 <- q", "m <- r", "r -> i1", "q -> i2"}},
		{name: "revert on the branch itself", rows: []row{
			{id: "i1", message: "feat: one", parents: "outside"}, {id: "r", message: "Undo\n\nThis reverts commit {i1}."}, {id: "i2", message: "fix: two"},
			{id: "m", message: "Merge pull request #7 from acme/seven", parents: "outside i2"}},
			want: []string{"Bug Fixes: two #7"}, cancelled: []string{"i1 <- r", "r -> i1"}},
		{name: "two targets at once", rows: []row{x, {id: "y", message: "fix: y"}, {id: "r", message: "Revert both\n\nThis reverts commit {x}.\nThis reverts commit {y}."}},
			cancelled: []string{"x <- r", "y <- r", "r -> x"}},
		{name: "squash of a revert alone", rows: []row{x, {id: "r", message: "Take x out (#9)\n\n* Revert \"feat: x\"\n\nThis reverts commit {x}."}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "squash of a revert and other work", rows: []row{x, {id: "r", message: "feat: better x (#9)\n\n* Revert \"feat: x\"\n\nThis reverts commit {x}.\n\n* feat: better x"}},
			want: []string{"Features: better x #9"}, cancelled: []string{"x <- r"}},
		{name: "reverted squash of a revert and other work", rows: []row{x,
			{id: "r", message: "feat: better x (#9)\n\n* Revert \"feat: x\"\n\nThis reverts commit {x}.\n\n* feat: better x"}, {id: "z", message: "Undo\n\nThis reverts commit {r}."}},
			want: []string{"Features: x"}, cancelled: []string{"r <- z", "z -> r"}},
		{name: "reasons in a list", rows: []row{x, {id: "r", message: "Revert \"feat: x\"\n\nThis reverts commit {x}.\n\n* slow\n* wrong"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "breaking feature and revert", rows: []row{{id: "x", message: "feat!: x"}, undo}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "edited subject and a list of reasons", rows: []row{x, {id: "r", message: "Take x out\n\nThis reverts commit {x}.\n\n* slow\n* wrong"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title without a text", rows: []row{{id: "x", message: "feat(ui): x (#10)"}, {id: "r", message: "Revert \"feat(ui): x\" (#11)"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title with the number", rows: []row{{id: "x", message: "feat(ui): x (#10)"}, {id: "r", message: "Revert \"feat(ui): x (#10)\" (#11)"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title, and a hash from before a rebase", rows: []row{x, {id: "r", message: "Revert \"feat: x\"\n\nThis reverts commit {gone}."}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title of a conventional revert", rows: []row{x, {id: "r", message: "revert: feat: x"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title after a type", rows: []row{x, {id: "r", message: "fix: Revert \"feat: x\" (#3)"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title after an emoji", rows: []row{x, {id: "r", message: "⏪️ Revert \"feat: x\""}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title that only begins alike", rows: []row{x, {id: "r", message: "Revert \"feat: x and y\""}}, want: []string{"Features: x", `Miscellaneous: Revert "feat: x and y"`}},
		{name: "title of a newer commit", rows: []row{{id: "r", message: `Revert "feat: x"`}, x}, want: []string{"Features: x", `Miscellaneous: Revert "feat: x"`}},
		{name: "title of two entries", rows: []row{x, {id: "y", message: "feat: x"}, {id: "r", message: `Revert "feat: x"`}},
			want: []string{"Features: x", `Miscellaneous: Revert "feat: x"`}},
		{name: "title of two entries, one by number", rows: []row{{id: "x", message: "feat: x (#1)"}, {id: "y", message: "feat: x (#2)"}, {id: "r", message: `Revert "feat: x (#2)" (#3)`}},
			want: []string{"Features: x #1"}, cancelled: []string{"y <- r", "r -> y"}},
		{name: "title of two entries, one taken back before", rows: []row{x, {id: "r", message: `Revert "feat: x"`}, {id: "y", message: "feat: x"}, {id: "q", message: `Revert "feat: x"`}},
			cancelled: []string{"x <- r", "r -> x", "y <- q", "q -> y"}},
		{name: "title of what is gone already", rows: []row{x, undo, {id: "q", message: `Revert "feat: x"`}},
			want: []string{`Miscellaneous: Revert "feat: x"`}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title reapplied", rows: []row{x, {id: "r", message: `Revert "feat: x" (#2)`}, {id: "a", message: `Reapply "feat: x" (#3)`}},
			want: []string{"Features: x"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "title of a reverted revert", rows: []row{x, {id: "r", message: `Revert "feat: x" (#2)`}, {id: "a", message: `Revert "Revert "feat: x" (#2)" (#3)`}},
			want: []string{"Features: x"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "cut title", rows: []row{long, {id: "r", message: "Revert \"feat(ui): a very long ti… (#11)\n\n…tle of a pull request\""}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "cut title in quotation marks", rows: []row{long, {id: "r", message: `Revert "feat(ui): a very long …" (#11)`}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title cut in its number", rows: []row{long, {id: "r", message: `Revert "feat(ui): a very long title of a pull request (#1…" (#11)`}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "title cut with dots", rows: []row{long, {id: "r", message: `revert: feat(ui): a very long title of...`}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "cut title of a squash whose own title is known", rows: []row{{id: "x", message: "work (#10)"}, {id: "r", message: `Revert "feat(ui): a very long ti…`}},
			pulls: []PullRequest{{Number: 10, Title: "feat(ui): a very long title"}}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "cut title, too short to be sure", rows: []row{long, {id: "r", message: `Revert "feat(ui): a very lo…"`}}, want: []string{"Features: [ui] a very long title of a pull request #10", `Miscellaneous: Revert "feat(ui): a very lo…"`}},
		{name: "cut title of two entries", rows: []row{long, {id: "y", message: "feat(ui): a very long tail (#11)"}, {id: "r", message: `Revert "feat(ui): a very long t…"`}},
			want: []string{"Features: [ui] a very long title of a pull request #10", "Features: [ui] a very long tail #11", `Miscellaneous: Revert "feat(ui): a very long t…"`}},
		{name: "cut title of two entries, one taken back before", rows: []row{long, {id: "q", message: "Undo\n\nThis reverts commit {x}."}, {id: "y", message: "feat(ui): a very long tail (#11)"}, {id: "r", message: `Revert "feat(ui): a very long t…"`}},
			cancelled: []string{"x <- q", "q -> x", "y <- r", "r -> y"}},
		{name: "title that was cut itself", rows: []row{{id: "x", message: "feat(ui): a very long ti… (#10)"}, long2, {id: "r", message: `Revert "feat(ui): a very long ti…" (#12)`}},
			want: []string{"Features: [ui] a very long title of a pull request #13"}, cancelled: []string{"x <- r", "r -> x"}},
		{name: "cut title reapplied", rows: []row{long, {id: "r", message: `Revert "feat(ui): a very long title of a pull request (#10)" (#11)`}, {id: "a", message: `Reapply "feat(ui): a very long ti… (#12)`}},
			want: []string{"Features: [ui] a very long title of a pull request #10"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "cut title of a reverted revert", rows: []row{long, {id: "r", message: `Revert "feat(ui): a very long title of a pull request (#10)" (#11)`}, {id: "a", message: `Revert "Revert "feat(ui): a very long ti…" (#12)`}},
			want: []string{"Features: [ui] a very long title of a pull request #10"}, cancelled: []string{"r <- a", "a -> r"}},
		{name: "title of a merged pull request", rows: append(slices.Clone(branch7), row{id: "r", message: `Revert "feat: seven" (#8)`}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> i1"}},
		{name: "title of a merge", rows: append(slices.Clone(branch7), row{id: "r", message: `Revert "Merge pull request #7 from acme/seven"`}),
			cancelled: []string{"i1 <- r", "i2 <- r", "m <- r", "r -> m"}},
		{name: "title that only the forge tells", rows: []row{pull5, {id: "r", message: "undo (#6)"}}, pulls: []PullRequest{{Number: 6, Title: `Revert "feat: x"`}},
			cancelled: []string{"x <- r", "r -> x"}},
		{name: "title of a commit on the branch itself", rows: []row{
			{id: "i1", message: "feat!: one", parents: "outside"}, {id: "r", message: `Revert "feat!: one"`}, {id: "i2", message: "fix: two"},
			{id: "m", message: "Merge pull request #7 from acme/seven\n\nfeat!: one", parents: "outside i2"}},
			want: []string{"Breaking Changes: one #7", "Features: one #7"}, cancelled: []string{"i1 <- r", "r -> i1"}},
		{name: "prose", rows: []row{x, {id: "r", message: "fix: y\n\nthis reverts commit {x}, partly. Also reverts #5."}}, want: []string{"Features: x", "Bug Fixes: y"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			commits := commitsOf(test.rows)
			n := Build(Input{Commits: commits, PullRequests: test.pulls}, Options{Links: github})
			checkAccount(t, commits, n)
			checkEqual(t, "entries", told(n), test.want)
			var cancelled []string
			for _, c := range n.Cancelled {
				line := names(test.rows, []string{c.Hash})
				if c.By != "" {
					line += " <- " + names(test.rows, []string{c.By})
				} else {
					line += " -> " + names(test.rows, []string{c.Reverts})
				}
				cancelled = append(cancelled, line)
			}
			checkEqual(t, "cancelled", cancelled, test.cancelled)
		})
	}
}

func TestAmbiguousHashIsNoTarget(t *testing.T) {
	rows := []row{{id: "x", message: "feat: x"}, {id: "y", message: "feat: y"}, {id: "r", message: "Undo\n\nThis reverts commit abcd."}, {id: "z", message: "feat: z"}}
	commits := commitsOf(rows)
	for i, hash := range []string{"abcd0", "0", "abcd2", "abcd1"} {
		commits[i].Hash = hash + strings.Repeat("0", 40-len(hash))
		commits[i].Parents = nil
	}
	checkEqual(t, "both older", told(Build(Input{Commits: commits}, Options{})), []string{"Features: x", "Features: y", "Features: z", "Miscellaneous: Undo"})
	commits[2].Hash = strings.Repeat("2", 40)
	checkEqual(t, "one older, one newer", told(Build(Input{Commits: commits}, Options{})), []string{"Features: y", "Features: z"})
}
