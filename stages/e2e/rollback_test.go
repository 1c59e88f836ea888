package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"dagger/slipway/stages/labtest"
)

func (d DeployShop) rollback(t *testing.T, environment string, more ...string) Result {
	t.Helper()
	return d.Call(t, d.Arguments(append([]string{"rollback", "--environment=" + environment, "--reason=orders are lost"}, more...)...)...)
}

// sell puts a product into the shop's database, past everything else.
func (s Server) sell(t *testing.T, sku string) {
	t.Helper()
	s.psql(t, "INSERT INTO products VALUES ('"+sku+"', 'Test', 1, 1)")
}

func (s Server) psql(t *testing.T, statement string) string {
	t.Helper()
	return s.Run(t, fmt.Sprintf(`docker exec $(docker ps -q --filter label=com.docker.compose.service=postgres --filter label=com.docker.compose.project=%s) psql -X -At -U shop -d shop -c "%s"`, s.Project(), statement))
}

// wantSold asks the application which products there are.
func (s Server) wantSold(t *testing.T, want ...string) {
	t.Helper()
	response, err := http.Get(s.Backend() + "/products")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var products []struct{ SKU string }
	if err := json.NewDecoder(response.Body).Decode(&products); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range products {
		if !slices.Contains([]string{"mug", "pen", "tote"}, p.SKU) {
			got = append(got, p.SKU)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the shop sells %v, want %v", got, want)
	}
}

// migration makes the image's migration change the schema.
func migration(statement string) Change {
	return entrypoint("backend", `case "$*" in *migrate*) python - <<P || exit 1
import asyncio, asyncpg, os
async def main():
    c = await asyncpg.connect(os.environ["DATABASE_URL"])
    await c.execute("`+statement+`")
asyncio.run(main())
P
esac`)
}

// TestRollbackProduction withdraws what was left: tags, forge, and the code if asked for.
func TestRollbackProduction(t *testing.T) {
	t.Parallel()
	takePlace(t)
	f := newForgeShop(t)
	d := DeployShop{Shop: f.Shop, Prefix: NewPrefix(t)}
	d.addServers(t)
	d.deploySmall(t)
	f.push(t, "main")
	versions := map[string]map[string]string{}
	slack := labtest.SlackForContainers(t)
	d.Setenv("SLACK_WEBHOOK_URL", slack.Webhook())
	args := func(more ...string) []string {
		return d.Arguments(append([]string{tinyImages, "--slack-webhook-url=env://SLACK_WEBHOOK_URL", "--forge=gitea", "--repository=" + f.repository, "--forge-token=env://FORGE_TOKEN"}, more...)...)
	}
	first := d.Git(t, "rev-parse", "HEAD") // the clone does not get the tags that releases push
	for _, v := range []string{"1.2.3", "1.3.97"} {
		if v != "1.2.3" {
			d.Write(t, "NEWS.md", "one\n")
			d.Commit(t, "feat: news")
			d.Git(t, "checkout", "-q", "-b", "more")
			d.Write(t, "NEWS.md", "one\ntwo\n")
			d.Commit(t, "feat: more news")
			d.Git(t, "checkout", "-q", "main")
			d.Git(t, "merge", "-q", "--no-ff", "--no-edit", "more")
			d.SetVersion(t, "1.2.3", v)
			f.push(t, "main")
		}
		versions[v] = d.MakeVersion(t, v, d.Git(t, "rev-parse", "HEAD"), nil)
		// Gates are not the point here; images of this commit are there, so the release takes those.
		green(t, d.Call(t, args("release", "--version="+v, "--force", "--reason=only a test of rollback")...), "is healthy")
		// Somebody puts other images under the version's tags: production takes what staging ran healthy, and does not look there.
		d.MakeVersion(t, v, d.Git(t, "rev-parse", "HEAD"), func(_ string, c *v1.Config) { c.Env = append(c.Env, "OTHER=1") })
		green(t, d.Call(t, args("deploy", "--environment=production", "--version="+v)...), "Outcome: deployed")
		d.Production.WantRunning(t, versions[v])
		d.MakeVersion(t, v, d.Git(t, "rev-parse", "HEAD"), nil)
	}
	wantTags := func(tags map[string]string) {
		t.Helper()
		for tag, v := range tags {
			for _, image := range Images {
				if got := Tags(t, d.Prefix, image)[tag]; got != versions[v][image] {
					t.Errorf("%s:%s is %s, want that of %s", image, tag, got, v)
				}
			}
		}
	}
	wantTags(map[string]string{"latest": "1.3.97", "1": "1.3.97", "1.3": "1.3.97", "1.2": "1.2.3"})
	main := d.Git(t, "rev-parse", "HEAD")
	// Production never ran it, and there is no release of it on the forge.
	d.Git(t, "push", "-q", f.address(f.token), first+":refs/tags/v1.3.50")

	r := d.Call(t, args("rollback", "--environment=production", "--reason=orders are lost", "--revert-code")...)
	green(t, r, "1.2.3 is healthy, 1.3.97 was left", "1.3.50, 1.3.97 withdrawn", "noted in git, without a release on the forge: 1.3.50", "1.3 stays: no version is left for it", "pull request #", "Outcome: rolled-back")
	told := slack.Messages()
	if len(told) != 5 || len(slack.Refused()) > 0 {
		t.Errorf("Slack has %d messages, want those of two releases, two deployments and the rollback; refused: %v", len(told), slack.Refused())
	}
	holds(t, told[len(told)-1], "orders are lost", "1.3.97", "1.2.3", "production")
	d.Production.WantRunning(t, versions["1.2.3"])
	d.Staging.WantRunning(t, versions["1.3.97"])
	wantTags(map[string]string{"latest": "1.2.3", "1": "1.2.3", "1.2": "1.2.3", "1.3": "1.3.97", "1.3.97": "1.3.97"})
	for _, release := range f.releases(t) {
		if withdrawn := strings.Contains(release.Body, "This version was withdrawn"); withdrawn != (release.TagName == "v1.3.97") {
			t.Errorf("%s withdrawn: %v", release.TagName, withdrawn)
		}
	}
	var pulls []struct {
		Title string
		Head  struct{ Ref string }
		Base  struct{ Ref, Sha string }
	}
	f.get(t, "/pulls?state=open", &pulls)
	if len(pulls) != 1 || pulls[0].Head.Ref != "hotfix/rollback-v1.3.97" || pulls[0].Base.Ref != "main" || pulls[0].Base.Sha != main {
		t.Errorf("pull requests: %+v", pulls)
	}
	d.Git(t, "fetch", "-q", f.address(f.token), "hotfix/rollback-v1.3.97")
	if changed := d.Git(t, "diff", "--name-only", first, "FETCH_HEAD"); changed != "backend/pyproject.toml" {
		t.Errorf("the branch differs from 1.2.3 in %s; want the version file alone", changed)
	}
	r = d.Call(t, args("rollback", "--environment=production", "--reason=orders are lost", "--revert-code")...)
	green(t, r, "1.2.3 is healthy, 1.3.97 was left by an earlier run", "Outcome: already-rolled-back")
	if told = slack.Messages(); len(told) != 5 {
		t.Errorf("the team was told of the same rollback twice")
	}
	d.Production.WantRunning(t, versions["1.2.3"])
	if f.get(t, "/pulls?state=open", &pulls); len(pulls) != 1 {
		t.Errorf("%d pull requests after the same line again", len(pulls))
	}
	red(t, d.Call(t, args("deploy", "--environment=staging", "--version=1.3.97")...), "1.3.97 was withdrawn by a rollback", "Outcome: refused-state")
	red(t, d.Call(t, args("release", "--version=1.3.97")...), "1.3.97 was withdrawn by a rollback", "use the next patch version")
}
