package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// released is the message of a release that went well.
func released() Message {
	return Message{
		Kind: Release, By: "Ada Lovelace", Environment: "staging", Running: "1.3.0", Changes: 12,
		ReleasePage: "https://forge.example/acme/shop/releases/tag/v1.3.0", RunPage: "https://ci.example/acme/shop/runs/7?attempt=2&view=log",
		Skipped: "security scan, dependency check and slow tests",
		Report: report.Report{
			Outcome: report.Released, Version: "1.3.0", Previous: "1.2.0", Commit: "0123456789abcdef0123456789abcdef01234567",
			Source: "https://forge.example/acme/shop", Seconds: 372.4, By: "Ada Lovelace",
			Images: []report.Image{{Name: "backend", Tags: []string{"1.3.0"}}, {Name: "frontend", Tags: []string{"1.3.0"}}},
			Stages: []report.Stage{{Number: 1, Name: "Validate Release", Ending: report.Passed}},
		},
	}
}

// failed is the message of a release with a red gate.
func failed() Message {
	m := released()
	m.Running, m.Aftermath, m.ReleasePage = "1.2.0", "staging still runs 1.2.0", ""
	m.Report.Outcome, m.Report.Images = report.GateFail, nil
	m.Report.Stages = []report.Stage{
		{Name: "Security Scan", Ending: report.Broken, Reason: "trivy ended with exit code 2"},
		{Name: "Backend Tests", Ending: report.Failed, Reason: "3 of 120 tests failed", Next: "run pytest backend"},
		{Name: "Build and Push", Ending: report.NotRun, Reason: "waits for Backend Tests"},
	}
	return m
}

// forced is the message of a forced release.
func forced() Message {
	m := released()
	m.Report.Forced = "the shop is down, INC-4711"
	m.Report.Stages = []report.Stage{
		{Name: "Security Scan", Ending: report.Skipped, Reason: "forced: the shop is down", Figures: []string{"2 critical", "would have been red"}},
		{Name: "Deploy Staging", Ending: report.Skipped, Reason: "no server"},
	}
	return m
}

// rolledBack is the message of a rollback.
func rolledBack() Message {
	return Message{
		Kind: Rollback, By: "Ada Lovelace", Environment: "production", Running: "1.2.0", RunPage: "https://ci.example/runs/8",
		Withdrawal: Withdrawal{Left: "1.3.1", Versions: []string{"1.3.0", "1.3.1"}, Reason: "checkout loses orders"},
		Report:     report.Report{Outcome: report.RolledBack, Title: "Roll back production", Version: "1.2.0", Seconds: 20},
	}
}

// hostile is a failure whose every text is an attack on the reader (case 31).
func hostile() Message {
	const attack = "<!channel> <@U123> <http://evil.example|ok> @everyone #general *b* _i_ ~s~ `c` ```f``` &lt;!here&gt; :tada:\x1b[31m\u202e\n> q"
	m := failed()
	m.By, m.Environment, m.Running, m.Aftermath = attack, attack, attack, attack+" still runs "+attack
	m.Report.Version, m.Report.Commit, m.Report.Source, m.Report.Forced, m.Report.By = attack, attack, attack, attack, attack
	m.ReleasePage, m.RunPage = "https://evil.example/<!channel>|x?a=<b>&c=|d", "javascript:alert(1)"
	m.Report.Stages = []report.Stage{{Name: attack, Ending: report.Failed, Reason: attack, Next: attack}}
	return m
}

func TestGolden(t *testing.T) {
	deployed, lost, refused := rolledBack(), rolledBack(), rolledBack()
	deployed.Kind, deployed.Report.Outcome, deployed.Running = Deploy, report.Deployed, "1.3.0"
	deployed.Report.Title, deployed.Report.Version = "Deploy 1.3.0 to production", "1.3.0"
	lost.Aftermath = "production may be down: somebody has to look now"
	lost.Running, lost.Withdrawal.Left, lost.Withdrawal.Versions, lost.Report.Outcome = "", "", nil, report.RollbackFailed
	lost.Report.Stages = []report.Stage{{Name: "Roll back production", Ending: report.Failed, Reason: "1.2.0 is not healthy"}}
	refused.Aftermath = "nothing was changed on production"
	refused.Kind, refused.Report.Outcome, refused.Report.Title = Deploy, report.RefusedState, "Deploy 1.3.0 to production"
	refused.Report.Stages = []report.Stage{{Name: "Find 1.3.0", Ending: report.Failed, Reason: "staging never ran 1.3.0 healthy"}}
	refused.Report.Version = "1.3.0"
	for name, m := range map[string]Message{
		"released": released(), "failed": failed(), "forced": forced(), "rolled-back": rolledBack(), "deployed": deployed,
		"rollback-failed": lost, "deploy-refused": refused, "hostile": hostile(), "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := json.Indent(&got, acceptable(t, m), "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", got.String())
			golden(t, name+".md", m.text(markdown, true, anyLength))
			golden(t, name+".txt", m.text(mailed, true, anyLength))
		})
	}
}

func anyLength(string) bool { return true }

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it with: go test ./stages/notify -run Golden -update && git diff\n%s", path, got)
	}
}

// ours are all the words that Slack may format. Everything else has to be plain text.
var ours = regexp.MustCompile(`^(\*(Version|Environment|Images|Changes|By|Left|Runs now|Withdrawn)\*|<https?://[!-~]+\|(Release notes|Run)>( · <https?://[!-~]+\|Run>)?)$`)

// acceptable is the payload, if Slack takes it and can find no text of others to format in it.
func acceptable(t *testing.T, m Message) []byte {
	t.Helper()
	data, err := m.slackPayload()
	if err != nil {
		t.Fatal(err)
	}
	if err := labtest.CheckSlack(data); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for _, b := range p.Blocks {
		texts := slices.Concat(b.Fields, b.Elements)
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		for _, o := range texts {
			if o.Type == "mrkdwn" && (!ours.MatchString(o.Text) || !o.Verbatim) || o.Type != "mrkdwn" && (o.Emoji == nil || *o.Emoji) {
				t.Errorf("may be formatted: %+v", o)
			}
		}
	}
	if p.Mrkdwn {
		t.Error("the notification may be formatted")
	}
	return data
}

func TestManyRedStagesFitIntoAMessage(t *testing.T) {
	m := failed()
	m.Report.Stages = nil
	for range 60 {
		m.Report.Stages = append(m.Report.Stages, report.Stage{Name: "S", Ending: report.Failed, Reason: strings.Repeat("&", 4000), Next: "n"})
	}
	if data := acceptable(t, m); !bytes.Contains(data, []byte("55 more stages failed")) {
		t.Errorf("got %s", data)
	}
	m = forced()
	m.Report.Stages = slices.Repeat([]report.Stage{{Name: "S", Ending: report.Skipped, Figures: []string{"f"}}}, 60)
	acceptable(t, m)
}

func TestDue(t *testing.T) {
	sent := map[report.Outcome]bool{
		report.Released: true, report.Resumed: true, report.AlreadyReleased: false, report.DryRunOK: false,
		report.Deployed: true, report.AlreadyDeployed: false, report.RolledBack: true, report.AlreadyRolledBack: false, report.StagePassed: false,
		report.RefusedInput: false, report.RefusedState: true, report.Locked: true, report.GateFail: true,
		report.GateError: true, report.PublishIncomplete: true, report.DeployRestored: true,
		report.DeployNotRestored: true, report.RollbackFailed: true,
	}
	for outcome, want := range sent {
		for _, kind := range []Kind{Release, Deploy, Rollback} {
			if got := (Message{Kind: kind, Report: report.Report{Outcome: outcome}}).Due(); got != want {
				t.Errorf("%s of kind %d: got %t", outcome, kind, got)
			}
		}
		if !(Message{Kind: Rollback, Report: report.Report{Outcome: outcome}, Untold: true}).Due() {
			t.Errorf("%s is not sent although nobody was told of what it found done", outcome)
		}
		if (Message{Report: report.Report{Outcome: outcome}}).Due() {
			t.Errorf("%s of a single stage is sent", outcome)
		}
		if (Message{Kind: Release, Report: report.Report{Outcome: outcome, DryRun: true}}).Due() {
			t.Errorf("%s of a dry run is sent", outcome)
		}
	}
}

func TestConsequences(t *testing.T) {
	const pushed, moved = 1, 2
	for _, test := range []struct {
		name    string
		kind    Kind
		outcome report.Outcome
		state   int
		after   string
		want    string
	}{
		{"released", Release, report.Released, moved, "staging runs 2.0.0", ""},
		{"red gate", Release, report.GateFail, 0, "", "This run published nothing"},
		{"pushed", Release, report.PublishIncomplete, pushed, "staging runs 2.0.0", "Images are in the registry, but no floating tag points at 2.0.0. staging runs 2.0.0"},
		{"tags moved", Release, report.PublishIncomplete, moved, "staging runs 2.0.0", "1 of 3 floating tags point at 2.0.0. staging runs 2.0.0"},
		{"put back", Release, report.DeployRestored, pushed, "staging was put back and runs 1.0.0", "Images are in the registry, but no floating tag points at 2.0.0. staging was put back and runs 1.0.0"},
		{"not put back", Deploy, report.DeployNotRestored, 0, "staging may be down: somebody has to look now", "staging may be down: somebody has to look now"},
		{"rolled back, tags not", Rollback, report.RollbackFailed, 0, "staging runs 2.0.0", "staging runs 2.0.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := Message{Kind: test.kind, Environment: "staging", Aftermath: test.after, Report: report.Report{Outcome: test.outcome, Version: "2.0.0"}}
			m.Report.Images = []report.Image{{Name: "a"}}
			if test.state >= pushed {
				m.Report.Images[0].Tags = []string{"2.0.0"}
			}
			if test.state == moved {
				m.Report.Tags = []report.Tag{{Old: "a", New: "b", Final: "b"}, {Old: "a", New: "b", Final: "a"}, {Old: "b", New: "b", Final: "b"}}
			}
			if got := strings.Join(m.consequences(), ". "); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func FuzzPayload(f *testing.F) {
	f.Add("1.3.0", "it broke", "https://ci.example/1", 3, uint8(1), uint8(0))
	f.Add("<!channel>&", "*a* `b` _c_", "https://x.example/?a=<b>|c&d", 700, uint8(3), uint8(15))
	f.Add("\xff\u202e", "\x00", "http://[::1]:80/%zz#<f>", 0, uint8(2), uint8(12))
	outcomes := []report.Outcome{report.Released, report.GateFail, report.DeployRestored, report.DeployNotRestored, report.RolledBack, report.RefusedState, "<odd>"}
	f.Fuzz(func(t *testing.T, a, b, address string, n int, kind, outcome uint8) {
		n = max(0, min(n, 4000))
		long := strings.Repeat(b, min(n, 20000/max(1, len(b))))
		m := Message{
			Kind: Kind(kind % 4), By: a, ReleasePage: address, RunPage: b, Environment: b, Running: a, Aftermath: a, Changes: n, Skipped: long,
			Withdrawal: Withdrawal{Left: b, Versions: slices.Repeat([]string{a}, n%100), Reason: long},
		}
		m.Report = report.Report{
			Outcome: outcomes[int(outcome)%len(outcomes)], Title: b, Version: a, Commit: b, Source: long, Seconds: float64(n), Forced: a,
			Images: slices.Repeat([]report.Image{{Name: b, Tags: []string{a}}}, n%300), Tags: []report.Tag{{New: a, Final: b}},
		}
		for _, ending := range []report.Ending{report.Failed, report.Broken, report.Skipped, ""} {
			m.Report.Stages = append(m.Report.Stages, report.Stage{Name: a, Ending: ending, Reason: long, Next: b, Figures: []string{a, long}})
		}
		acceptable(t, m)
	})
}
