package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"dagger/slipway/stages/labtest"
)

// standIn is one of the chats, as strict as the description of its API, behind a proxy for faults.
type standIn struct {
	*labtest.Proxy
	chatKind
	mu      sync.Mutex
	texts   []string
	refused []string
}

// chatKind is what is different from chat to chat.
type chatKind struct {
	name, address string
	secrets       []string // the parts of the address
	host, path    string   // that have to be asked
	answer        int
	body          string
	check         func([]byte) (text string, err error)
}

var chatKinds = []chatKind{{
	name: "Discord", address: "discord://disToken_x-1@112233445566", secrets: []string{"disToken", "112233445566"},
	host: "discord.com", path: "/api/webhooks/112233445566/disToken_x-1", answer: http.StatusNoContent, check: checkDiscord,
}, {
	name: "Mattermost", address: "mattermost://bot@chat.acme.example:8443/mmHookToken/releases", secrets: []string{"chat.acme", "8443", "mmHookToken", "bot@"},
	host: "chat.acme.example:8443", path: "/hooks/mmHookToken", answer: http.StatusOK, body: "ok", check: checkMattermost,
}, {
	name: "Teams", address: "teams://?host=" + url.QueryEscape("https://"+teamsHost+teamsPath), secrets: []string{"westeurope", "flowId77", "sigSecret", "api-version"},
	host: teamsHost, path: teamsPath, answer: http.StatusAccepted, check: checkTeams,
}, {
	name: "Telegram", address: "telegram://12345678:AAtgToken_-x@telegram?chats=-1001234567", secrets: []string{"12345678", "AAtgToken", "-1001234567"},
	host: "api.telegram.org", path: "/bot12345678:AAtgToken_-x/sendMessage", answer: http.StatusOK, body: `{"ok":true,"result":{"message_id":1}}`, check: checkTelegram,
}}

const (
	teamsHost = "prod-07.westeurope.logic.azure.com:443"
	teamsPath = "/workflows/flowId77/triggers/manual/paths/invoke?api-version=2016-06-01&sig=sigSecret"
)

func newStandIn(t *testing.T, kind chatKind) *standIn {
	t.Helper()
	s := &standIn{chatKind: kind}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.Proxy = labtest.NewProxy(t, server.URL)
	return s
}

// RoundTrip stands for the network between a sender and the chat.
func (s *standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || r.URL.Host != s.host {
		return nil, fmt.Errorf("somebody else is asked: %s", r.URL)
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", s.Addr()
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	status, answer, text := s.answer, s.body, ""
	switch {
	case err != nil:
		panic(http.ErrAbortHandler)
	case r.URL.RequestURI() != s.path:
		status, err = http.StatusNotFound, fmt.Errorf("asked for %s", r.URL)
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json":
		status, err = http.StatusUnsupportedMediaType, fmt.Errorf("%s of %s", r.Method, r.Header.Get("Content-Type"))
	default:
		if text, err = s.check(body); err != nil {
			status = http.StatusBadRequest
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refused, answer = append(s.refused, err.Error()), ""
	} else {
		s.texts = append(s.texts, text)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// strict reads JSON that has no field which the API does not know.
func strict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// checkDiscord: what stands outside of an embed calls people.
func checkDiscord(body []byte) (string, error) {
	var m struct {
		Content   string `json:"content"`
		Username  string `json:"username"`
		AvatarURL string `json:"avatar_url"`
		Embeds    []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			Color       uint   `json:"color"`
		} `json:"embeds"`
	}
	err := strict(body, &m)
	switch {
	case err != nil:
		return "", err
	case m.Content != "" || len(m.Embeds) != 1:
		return "", fmt.Errorf("%d embeds, and outside %q", len(m.Embeds), m.Content)
	}
	e := m.Embeds[0]
	if e.Title == "" || size(e.Title) > 256 || size(e.Description) > 4096 || size(e.Title+e.Description) > 6000 || e.Color > 0xffffff {
		return "", fmt.Errorf("too long, or empty: %d and %d", size(e.Title), size(e.Description))
	}
	return e.Title + "\n" + e.Description, nil
}

func checkMattermost(body []byte) (string, error) {
	var m struct {
		Text     string `json:"text"`
		Username string `json:"username"`
		Channel  string `json:"channel"`
	}
	err := strict(body, &m)
	if err == nil && (strings.TrimSpace(m.Text) == "" || utf8.RuneCountInString(m.Text) > 16383) {
		err = fmt.Errorf("%d characters: none, or Mattermost makes several messages of it", utf8.RuneCountInString(m.Text))
	}
	return m.Text, err
}

func checkTeams(body []byte) (string, error) {
	type block struct {
		Type, Text string
		Wrap       bool
	}
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			ContentURL  *string
			Content     struct {
				Schema        string `json:"$schema"`
				Type, Version string
				Body          []block
			}
		}
	}
	err := strict(body, &m)
	switch {
	case err != nil:
		return "", err
	case len(body) > 28<<10:
		return "", fmt.Errorf("%d bytes", len(body))
	case m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive":
		return "", errors.New("no message with one card")
	}
	var lines []string
	for _, b := range m.Attachments[0].Content.Body {
		if b.Type != "TextBlock" || b.Text == "" || !b.Wrap {
			return "", fmt.Errorf("a line that is not shown whole: %+v", b)
		}
		lines = append(lines, b.Text)
	}
	return strings.Join(lines, "\n"), nil
}

func checkTelegram(body []byte) (string, error) {
	var m struct {
		ChatID       string `json:"chat_id"`
		Text         string `json:"text"`
		NoPreview    bool   `json:"disable_web_page_preview"`
		Notification bool   `json:"disable_notification"`
		ReplyTo      int64  `json:"reply_to_message_id"`
	}
	err := strict(body, &m) // a parse_mode is one field too many
	switch {
	case err != nil:
		return "", err
	case m.ChatID != "-1001234567" || m.Text == "" || size(m.Text) > 4096:
		return "", fmt.Errorf("%d characters to %q", size(m.Text), m.ChatID)
	case !m.NoPreview:
		return "", errors.New("the first link is shown with a picture")
	}
	if found := aliveInTelegram.FindString(ourLinks.ReplaceAllString(m.Text, "")); found != "" {
		return "", fmt.Errorf("%q becomes a link", found)
	}
	return m.Text, nil
}

var (
	// ourLinks are those that a message has of its own.
	ourLinks = regexp.MustCompile(`\[(Release notes|Run)\]\(https?://[^()\s]+\)|(?m)^(Release notes|Run): https?://\S+$`)
	// alive is what the chats make something of.
	alive = regexp.MustCompile(`(?i)@[^\s\x{200b}]|<[^\s\x{200b}]|\]\(|://|:[\w+-]+:|&#?\w+;|\bwww\.|[#$][^\s\x{200b}]|(?m)(^|\s)/\w+(\s|$)`)
	// aliveInTelegram are links besides: to a domain, and files whose ending is one too, or to an address in figures.
	aliveInTelegram = regexp.MustCompile(`\.\pL|\d+\.\d+\.\d+\.\d`)
)

// wantLifeless sees that nothing in a text is more than words, but for our own links.
func wantLifeless(t *testing.T, text string) {
	t.Helper()
	if found := alive.FindString(ourLinks.ReplaceAllString(text, "")); found != "" {
		t.Errorf("%q means something in\n%s", found, text)
	}
}
