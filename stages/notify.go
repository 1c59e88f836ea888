package stages

import (
	"context"

	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// checkWebhook finds an address that could not be posted to before an hour of work.
func (r *Run) checkWebhook(ctx context.Context) error {
	address, err := secretText(ctx, r.config.SlackWebhookURL, "slackWebhookUrl")
	if err == nil && address != "" {
		err = notify.CheckURL(address)
	}
	if _, e := r.runPage(ctx); err == nil {
		err = e
	}
	if err != nil {
		return refuseInput(err)
	}
	return nil
}

// runPage is the address of this run in the CI. It is no secret, but only as one can a setting name a variable of the job.
func (r *Run) runPage(ctx context.Context) (string, error) {
	address, err := secretText(ctx, r.config.RunURL, "runUrl")
	if err == nil {
		err = wrongSetting("runUrl", checkURL(address))
	}
	return address, err
}

// The figures of a message that got through, and of one that did not.
const (
	teamTold    = "the team was told"
	teamNotTold = "warning: notification failed: "
)

// notify tells the team how the run ended (stage 9). Whether it gets through never decides the result (N3).
func (r *Run) notify(ctx context.Context) (Outcome, error) {
	address, err := secretText(ctx, r.config.SlackWebhookURL, "slackWebhookUrl")
	configured := err != nil || address != ""
	message, e := r.message(ctx)
	if err == nil {
		err = e
	}
	told, e := r.tell(ctx, message, func(ctx context.Context) error {
		if err != nil || !configured {
			return err
		}
		return send(ctx, address, message)
	})
	switch {
	case e != nil:
		return passed(teamNotTold + e.Error()), nil
	case !configured:
		return notConfigured("no webhook"), nil
	case !told:
		return skipped("there is nothing new to tell"), nil
	}
	return passed(teamTold), nil
}

// tell sends what is due. A release that has come to its end knows by its own record, and by what earlier runs have left.
func (r *Run) tell(ctx context.Context, message notify.Message, send func(context.Context) error) (told bool, err error) {
	if act := r.found.act; act != nil && message.Report.Outcome.Green() {
		return act.Tell(ctx, send)
	}
	if !message.Due() {
		return false, nil
	}
	return true, send(ctx)
}

// wouldNotify shows that somebody would be told.
func (r *Run) wouldNotify(ctx context.Context) (Outcome, error) {
	if address, err := secretText(ctx, r.config.SlackWebhookURL, "slackWebhookUrl"); err == nil && address == "" {
		return notConfigured("no webhook"), nil
	}
	return Outcome{Ending: report.DryRun, Reason: "would tell the team"}, nil
}

func send(ctx context.Context, address string, message notify.Message) error {
	text, err := message.Payload()
	if err != nil {
		return err
	}
	return notify.Send(ctx, address, text)
}

// message is what there is to tell so far; only the cleaning up comes after it.
func (r *Run) message(ctx context.Context) (m notify.Message, err error) {
	m = r.found.deployed.news
	m.Kind = r.goal.kind
	m.Report, m.By, m.Skipped = r.reportSoFar(), r.who(), forceSkips
	m.RunPage, err = r.runPage(ctx)
	m.ReleasePage = r.found.act.PageURL()
	if m.Report.Outcome == report.AlreadyReleased && r.found.act.Due() {
		m.Report.Outcome = report.Resumed // telling is what was left of it
	}
	return m, err
}

// noteServer keeps for the message what a server runs now.
func (r *Run) noteServer(e environment, runs string) {
	r.noteAftermath(e, runs, e.name+" runs "+runs)
}

// noteFailure keeps for the message what a failed deployment or rollback has left.
func (r *Run) noteFailure(e environment, err error) {
	runs := ""
	if f, ok := asFailure(err); ok {
		runs = f.Runs
	}
	r.noteAftermath(e, runs, aftermath(e.name, err))
}

func (r *Run) noteAftermath(e environment, runs, sentence string) {
	r.found.deployed.news.Environment, r.found.deployed.news.Running, r.found.deployed.news.Aftermath = e.name, runs, sentence
}

// aftermath says what a failure has left on a server: no more than is known, and that somebody has to look where it is not.
func aftermath(name string, err error) string {
	f, ok := asFailure(err)
	switch {
	case !ok:
	case f.State == server.Untouched:
		return "nothing was changed on " + name
	case f.State == server.Kept && f.Runs == "":
		return "nothing was replaced on " + name
	case f.State == server.Kept:
		return name + " still runs " + f.Runs
	case f.State == server.Restored:
		return name + " was put back and runs " + orDefault(f.Runs, "what ran before")
	case f.State == server.Stopped:
		return "no version runs on " + name + " now"
	case f.State == server.Unrecorded:
		return name + " runs " + f.Runs
	}
	return name + " may be down: somebody has to look now"
}
