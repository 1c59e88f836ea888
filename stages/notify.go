package stages

import (
	"context"
	"errors"
	"slices"
	"strings"

	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// checkReceivers finds an address that could not be sent to before an hour of work.
func (r *Run) checkReceivers(ctx context.Context) error {
	_, err := r.receivers(ctx)
	if _, e := r.runPage(ctx); err == nil {
		err = e
	}
	if err != nil {
		return refuseInput(err)
	}
	return nil
}

// receivers are all who are told of a run.
func (r *Run) receivers(ctx context.Context) ([]notify.Receiver, error) {
	webhook, err := secretText(ctx, r.config.SlackWebhookURL, "slackWebhookUrl")
	if err != nil {
		return nil, err
	}
	addresses, err := secretText(ctx, r.config.NotifyURLs, "notifyUrls")
	if err != nil {
		return nil, err
	}
	others, err := notify.Receivers(addresses)
	if webhook == "" {
		return others, err
	}
	slack, e := notify.Slack(webhook)
	return append([]notify.Receiver{slack}, others...), errors.Join(e, err)
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
	nobody      = "nobody to tell"
)

// notify tells the team how the run ended (stage 9). Whether it gets through never decides the result (N3).
func (r *Run) notify(ctx context.Context) (Outcome, error) {
	receivers, err := r.receivers(ctx)
	message, e := r.message(ctx)
	if err == nil {
		err = e
	}
	var told []string
	var failures []error
	due, e := r.tell(ctx, message, func(ctx context.Context) error {
		if err == nil {
			told, failures = notify.Tell(ctx, receivers, message)
		}
		return err
	})
	switch {
	case e != nil:
		return passed(teamNotTold + e.Error()), nil
	case err == nil && len(receivers) == 0:
		return notConfigured(nobody), nil
	case !due:
		return skipped("there is nothing new to tell"), nil
	}
	return passed(notified(told, failures)...), nil
}

// notified are the figures of what came of telling each of them.
func notified(told []string, failures []error) (figures []string) {
	if len(told) > 0 {
		figures = append(figures, teamTold+inBrackets(told))
	}
	for _, err := range failures {
		figures = append(figures, teamNotTold+err.Error())
	}
	return figures
}

// wasTold says whether the figures of a report hold that somebody of the team was told, by whichever way.
func wasTold(figures []string) bool {
	return slices.ContainsFunc(figures, func(f string) bool { return strings.HasPrefix(f, teamTold) })
}

// wasNotTold says whether nobody was told who should have been. Once a part of the team knows, nobody is told again.
func wasNotTold(figures []string) bool {
	return !wasTold(figures) && slices.ContainsFunc(figures, func(f string) bool { return strings.HasPrefix(f, teamNotTold) })
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

// wouldNotify shows who would be told.
func (r *Run) wouldNotify(ctx context.Context) (Outcome, error) {
	receivers, err := r.receivers(ctx)
	if err == nil && len(receivers) == 0 {
		return notConfigured(nobody), nil
	}
	var names []string
	for _, to := range receivers {
		names = append(names, to.Name())
	}
	return Outcome{Ending: report.DryRun, Reason: "would tell the team" + inBrackets(names)}, nil
}

// inBrackets is empty for nothing, and for addresses that stage 1 has refused.
func inBrackets(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// message is what there is to tell so far; only the cleaning up comes after it.
func (r *Run) message(ctx context.Context) (m notify.Message, err error) {
	m = r.found.deployed.news
	m.Kind = r.goal.kind
	m.Report, m.By, m.Skipped, m.Changes = r.reportSoFar(), r.who(), forceSkips, changes(r.found.notes)
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
