package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// Limits of the services, for one message.
const (
	maxDiscordTitle = 256
	maxDiscord      = 4096 // in an embed, whose sum of all texts may be 6000
	maxMattermost   = 16383
	maxTeams        = 20 << 10 // of JSON; the whole request may be 28 KB, and each line brings some of its own
	maxTelegram     = 4096
)

// chat is a service that shoutrrr writes the requests for.
func chat(name string) service {
	return service{
		name: name, report: name,
		took: func(a answer) bool {
			return a.status == http.StatusOK || a.status == http.StatusAccepted || a.status == http.StatusNoContent
		},
		explain: func(a answer) (string, string) { return "", adviceOn(a.status) },
	}
}

// adviceOn is what to do about an answer of a chat.
func adviceOn(status int) string {
	const look = "see that its address in notifyUrls is right and nothing was removed there"
	switch {
	case status == http.StatusTooManyRequests:
		return ""
	case status >= http.StatusInternalServerError:
		return "it has a problem of its own, and may have taken the message: look whether it is there"
	case slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone}, status):
		return look
	}
	return look + "; if so, please report it with the report of this run" // Telegram says 400 of a wrong chat as well
}

func discordAt(address *url.URL) (teller, error) {
	return through(&discord.Service{}, address, func(s *discord.Service, m Message) error {
		s.Config.Color = m.colour()
		title := m.titleWithin(maxDiscordTitle)
		text := m.text(markdown, false, func(s string) bool { return size(s) <= maxDiscord })
		// Nobody is called by what stands in an embed.
		return s.SendItems([]types.MessageItem{{Text: text}}, &types.Params{types.TitleKey: title})
	})
}

func mattermostAt(address *url.URL) (teller, error) {
	return through(&mattermost.Service{}, address, func(s *mattermost.Service, m Message) error {
		return s.Send(m.text(markdown, true, func(s string) bool { return utf8.RuneCountInString(s) <= maxMattermost }), nil)
	})
}

func teamsAt(address *url.URL) (teller, error) {
	return through(&teams.Service{}, address, func(s *teams.Service, m Message) error {
		return s.Send(m.text(markdown, true, func(s string) bool {
			encoded, _ := json.Marshal(s)
			return len(encoded) <= maxTeams
		}), nil)
	})
}

func telegramAt(address *url.URL) (teller, error) {
	chats := &telegram.Service{}
	tell, err := through(chats, address, func(s *telegram.Service, m Message) error {
		s.Config.ParseMode, s.Config.Title, s.Config.Preview = telegram.ParseModes.None, "", false
		return s.Send(m.text(unformatted, true, func(s string) bool { return len(s) <= maxTelegram }), nil)
	})
	if err == nil && len(chats.Config.Chats) > 1 { // a receiver is told or not, and the library stops at the first that is not
		return nil, errors.New("it names several chats, of which one may be told and another not: give each an address of its own")
	}
	return tell, err
}

// library is a service of shoutrrr that sends by HTTP.
type library interface {
	Initialize(*url.URL, types.StdLogger) error
	SetHTTPClient(types.HTTPClient)
}

// through lets shoutrrr read an address and write the requests. They are sent like every other, because shoutrrr would
// repeat some that may have arrived, and wait longer than a run may.
func through[S library](s S, address *url.URL, write func(S, Message) error) (teller, error) {
	if s.Initialize(address, nil) != nil {
		return nil, errNotWhole
	}
	return func(ctx context.Context, c carrier, to service, m Message) error {
		result := errNotWhole // if it comes to no request
		s.SetHTTPClient(courier(func(address string, message []byte) error {
			result = c.post(ctx, to, address, message)
			return result
		}))
		_ = write(s, m) // its errors quote addresses, and what came of the request is known
		return result
	}, nil
}

// courier stands where shoutrrr expects an HTTP client.
type courier func(address string, message []byte) error

var errNotTold = errors.New("it was not told")

// Do tells shoutrrr nothing but whether the message got through.
func (c courier) Do(req *http.Request) (*http.Response, error) {
	message, err := io.ReadAll(req.Body)
	if err != nil || c(req.URL.String(), message) != nil {
		return nil, errNotTold
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"ok":true}`)), Request: req}, nil
}

// titleWithin is the title in Markdown, cut until it fits.
func (m Message) titleWithin(limit int) string {
	for n := limit; ; n /= 2 {
		if title := markdown.foreign(m.title(), n); size(title) <= limit {
			return title
		}
	}
}

// colour is that of an embed's edge.
func (m Message) colour() uint {
	switch {
	case !m.Report.Outcome.Green():
		return 0xd60510
	case m.Kind == Rollback || m.Report.Forced != "":
		return 0xffc441
	}
	return 0x2eb67d
}
