package changelog

import (
	"slices"
	"testing"

	"dagger/slipway/stages/version"
)

// TestChanges: what a rollback of the code takes back is all of the main line but the releases' own commits, whoever made them.
func TestChanges(t *testing.T) {
	before, err := version.Parse("1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rows []row
		want []string
	}{
		"Slipway":            {[]row{{"a", "feat: x", ""}, {"b", "chore: bump version to 1.1.0", ""}}, []string{"a"}},
		"commitizen":         {[]row{{"a", "fix: x (#7)", ""}, {"b", "bump: version 1.0.0 → 1.1.0", ""}}, []string{"a"}},
		"release-please":     {[]row{{"a", "feat: x", ""}, {"b", "chore(main): release 1.1.0 (#8)", ""}}, []string{"a"}},
		"changesets":         {[]row{{"a", "feat: x", ""}, {"b", "Version Packages (#9)", ""}}, []string{"a"}},
		"npm version":        {[]row{{"a", "feat: x", ""}, {"b", "1.1.0", ""}}, []string{"a"}},
		"one before as well": {[]row{{"a", "chore: bump version to 1.0.1", ""}, {"b", "feat: x", ""}, {"c", "chore: bump version to 1.1.0", ""}}, []string{"b"}},
		"the latest first":   {[]row{{"a", "feat: x", ""}, {"b", "feat: bump the version of redis to 7.0", ""}, {"c", "v1.1.0", ""}}, []string{"b", "a"}},
		"a merge of a release alone": {[]row{
			{"a", "feat: x", ""}, {"r", "chore: bump version to 1.1.0", ""}, {"m", "Merge pull request #8 from acme/bump", "a r"},
		}, []string{"a"}},
		"a merge of work, and one of a branch with both": {[]row{
			{"a", "feat: x", ""}, {"w", "feat: y", ""}, {"m", "Merge pull request #8 from acme/y", "a w"},
			{"z", "fix: z", "a"}, {"r", "chore: bump version to 1.1.0", ""}, {"n", "Merge branch 'release/1.1.0'", "m r"},
		}, []string{"z", "m", "a"}},
		"a merge of a release branch without a release's commit": {[]row{
			{"a", "feat: x", ""}, {"w", "feat: y", ""}, {"m", "Merge branch 'release/1.1.0'", "a w"},
		}, []string{"m", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got, want []string
			for _, c := range Changes(Input{Commits: commitsOf(c.rows), Version: "1.1.0", Current: "v1.1.0", Released: []version.Version{before}}) {
				if !c.Own {
					got = append(got, c.Hash)
				}
			}
			for _, id := range c.want {
				want = append(want, hashOf(id))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
