package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Receiver is a chat or a mailbox that is told of a run.
type Receiver struct {
	service service
	tell    teller
}

// teller writes a message the way its service wants it, and hands it to a carrier.
type teller func(ctx context.Context, c carrier, to service, m Message) error

// carrier takes a message to a service, or only looks whether it could.
type carrier interface {
	post(ctx context.Context, to service, address string, message []byte) error
	mail(ctx context.Context, to service, l letter) error
}

// Name is what the report calls the receiver.
func (r Receiver) Name() string { return r.service.report }

// kinds are the beginnings of addresses, and what is behind them.
var kinds = map[string]struct {
	service service
	read    func(*url.URL) (teller, error)
}{
	"discord":    {chat("Discord"), discordAt},
	"mattermost": {chat("Mattermost"), mattermostAt},
	"smtp":       {mailServer, mailboxesAt},
	"teams":      {chat("Teams"), teamsAt},
	"telegram":   {chat("Telegram"), telegramAt},
}

// Receivers are those behind the addresses of the setting notifyUrls, with white space between them. Each is checked as far
// as that goes without sending anything. No error holds a part of one, because they are secrets.
func Receivers(addresses string) ([]Receiver, error) {
	var all []Receiver
	var wrong []error
	seen := map[string]int{}
	for i, address := range strings.Fields(addresses) {
		r, err := receiver(address)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("address %d of notifyUrls: %w", i+1, err))
			continue
		}
		seen[r.Name()]++
		all = append(all, r.numbered(seen[r.Name()]))
	}
	return all, errors.Join(wrong...)
}

// numbered tells several receivers of one service apart.
func (r Receiver) numbered(n int) Receiver {
	if n > 1 {
		r.service.name, r.service.report = fmt.Sprintf("%s %d", r.service.name, n), fmt.Sprintf("%s %d", r.service.report, n)
	}
	return r
}

// scheme is all that may be shown of an address.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]{1,15})://`)

// errNotWhole is all that is said of an address, because whoever finds what is wrong quotes it.
var errNotWhole = errors.New("it is not whole, or a part of it is wrong: compare it with the examples of notifyUrls in the documentation")

func receiver(address string) (Receiver, error) {
	found := scheme.FindStringSubmatch(address)
	if found == nil {
		return Receiver{}, unknownScheme("one without such a beginning")
	}
	name := strings.ToLower(found[1])
	kind, known := kinds[name]
	switch {
	case name == "slack":
		return Receiver{}, errors.New("Slack has a setting of its own: set slackWebhookUrl to the address of an incoming webhook")
	case !known:
		return Receiver{}, unknownScheme(name + "://")
	}
	u, err := url.Parse(address)
	if err != nil || repeats(u.Query()) {
		return Receiver{}, errNotWhole
	}
	r := Receiver{service: kind.service}
	if r.tell, err = kind.read(u); err != nil {
		return Receiver{}, err
	}
	return r, r.tell(context.Background(), checker{}, r.service, Message{})
}

// repeats says whether a parameter is given twice, of which only one would count.
func repeats(query url.Values) bool {
	for _, values := range query {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

func unknownScheme(found string) error {
	return fmt.Errorf("expected one that begins with %s://, found %s", strings.Join(slices.Sorted(maps.Keys(kinds)), "://, "), found)
}

// checker sends nothing: what comes as far as this can be sent.
type checker struct{}

func (checker) post(_ context.Context, to service, address string, _ []byte) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return errNotWhole
	case inClear(u):
		return fmt.Errorf("it would send the secret to %s in clear: leave out disabletls", to.name)
	}
	return nil
}

func (checker) mail(context.Context, service, letter) error { return nil }

// inClear says whether everybody on the way could read the address.
func inClear(u *url.URL) bool { return u.Scheme == "http" && !local(u.Hostname()) }

// local is for tests and a team's own network: an address in figures there is none that a certificate would be for.
func local(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && (address.IsLoopback() || address.IsPrivate()) || host == "localhost"
}

// Tell sends a message to all at once, and says by name who was told. There is an error for each of the others.
func Tell(ctx context.Context, all []Receiver, m Message) (told []string, failures []error) {
	return tellBy(ctx, newSender(), all, m)
}

func tellBy(ctx context.Context, c carrier, all []Receiver, m Message) (told []string, failures []error) {
	results := make([]error, len(all))
	var group sync.WaitGroup
	for i, r := range all {
		group.Go(func() { results[i] = r.tell(ctx, c, r.service, m) })
	}
	group.Wait()
	for i, err := range results {
		if err == nil {
			told = append(told, all[i].Name())
		} else {
			failures = append(failures, err)
		}
	}
	return told, failures
}
