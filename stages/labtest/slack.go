package labtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// slackPath is where the sink listens, in the form of a real webhook.
const slackPath = "/services/T0LAB/B0LAB/labWebhookSecret"

// Slack stands in for Slack's incoming webhooks, behind a proxy for faults.
type Slack struct {
	*Proxy
	mu       sync.Mutex
	messages []string
	refused  []string
}

// NewSlack starts a Slack on the loopback until the test ends.
func NewSlack(t testing.TB) *Slack { return newSlack(t, NewProxy) }

// SlackForContainers is NewSlack where the engine's containers reach it.
func SlackForContainers(t testing.TB) *Slack { return newSlack(t, ListenForContainers) }

func newSlack(t testing.TB, listen func(testing.TB, string) *Proxy) *Slack {
	t.Helper()
	s := &Slack{}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.Proxy = listen(t, server.URL)
	return s
}

// Webhook returns the address to send messages to.
func (s *Slack) Webhook() string { return "http://" + s.Addr() + slackPath }

// Messages returns the payloads that were accepted, in their order.
func (s *Slack) Messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Refused says of every request that was not accepted why.
func (s *Slack) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

func (s *Slack) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	refusal := new(SlackError)
	switch {
	case err != nil:
		panic(http.ErrAbortHandler)
	case r.URL.Path != slackPath:
		refusal = &SlackError{http.StatusNotFound, "no_service", "no webhook at this path"}
	case r.Method != http.MethodPost:
		refusal = &SlackError{http.StatusMethodNotAllowed, "invalid_payload", r.Method + " instead of POST"}
	case kind != "application/json":
		refusal = &SlackError{http.StatusBadRequest, "invalid_payload", "Content-Type is " + kind}
	case !errors.As(CheckSlack(body), &refusal):
		refusal = &SlackError{http.StatusOK, "ok", ""}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if refusal.Status == http.StatusOK {
		s.messages = append(s.messages, string(body))
	} else {
		s.refused = append(s.refused, refusal.Error())
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(refusal.Status)
	_, _ = io.WriteString(w, refusal.Word)
}

// SlackError is how Slack refuses a request, with the reason that Slack keeps to itself.
type SlackError struct {
	Status int
	Word   string // all that the sender gets to see
	Reason string
}

// Error implements error.
func (e *SlackError) Error() string { return e.Word + ": " + e.Reason }

// The limits of Slack's Block Kit reference. What a character is they do not say, so the strictest reading is taken: a
// UTF-16 unit of the text as it was sent.
const (
	maxSlackText    = 4000 // of the message itself, as recommended
	maxSlackBlocks  = 50
	maxSlackHeader  = 150
	maxSlackSection = 3000
	maxSlackField   = 2000
	maxSlackItems   = 10 // fields of a section, elements of a context
	maxSlackBlockID = 255
)

// CheckSlack checks a message by Slack's documentation. It is stricter where Slack would do what nobody wants instead of
// refusing: a mention, text that is not escaped, and everything that Slipway has no use for are faults too.
func CheckSlack(payload []byte) error {
	var message struct {
		Text   string            `json:"text"`
		Mrkdwn *bool             `json:"mrkdwn"`
		Blocks []json.RawMessage `json:"blocks"`
	}
	switch err := strict(payload, &message); {
	case !utf8.Valid(payload):
		return badSlack("invalid_payload", "not valid UTF-8")
	case err != nil:
		return badSlack("invalid_payload", "%v", err)
	case message.Text == "":
		return badSlack("no_text", "no text for notifications")
	case len(message.Blocks) == 0 || len(message.Blocks) > maxSlackBlocks:
		return badSlack("invalid_blocks", "%d blocks", len(message.Blocks))
	}
	formatted := message.Mrkdwn == nil || *message.Mrkdwn
	if err := checkSlackText(message.Text, maxSlackText, formatted); err != nil {
		return badSlack("invalid_payload", "text: %v", err)
	}
	seen := map[string]bool{}
	for i, raw := range message.Blocks {
		id, err := checkSlackBlock(raw)
		if err != nil {
			return badSlack("invalid_blocks", "block %d: %v", i, err)
		}
		if id != "" && seen[id] {
			return badSlack("invalid_blocks", "block %d: block_id %q a second time", i, id)
		}
		seen[id] = true
	}
	return nil
}

func badSlack(word, format string, args ...any) error {
	return &SlackError{http.StatusBadRequest, word, fmt.Sprintf(format, args...)}
}

// strict decodes one JSON value and nothing beside it.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// slackText is a text object of Block Kit.
type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji"`
	Verbatim *bool  `json:"verbatim"`
}

func (t *slackText) check(limit int) error {
	switch {
	case t.Type != "plain_text" && t.Type != "mrkdwn":
		return fmt.Errorf("a text of type %q", t.Type)
	case t.Type != "plain_text" && t.Emoji != nil:
		return errors.New("emoji is for plain_text only")
	case t.Type != "mrkdwn" && t.Verbatim != nil:
		return errors.New("verbatim is for mrkdwn only")
	}
	return checkSlackText(t.Text, limit, t.Type == "mrkdwn")
}

func checkSlackBlock(raw json.RawMessage) (id string, err error) {
	var kind struct{ Type string }
	if err := json.Unmarshal(raw, &kind); err != nil {
		return "", err
	}
	switch kind.Type {
	case "header":
		return checkSlackHeader(raw)
	case "section":
		return checkSlackSection(raw)
	case "context":
		return checkSlackContext(raw)
	}
	return "", fmt.Errorf("a block of type %q", kind.Type)
}

func checkSlackHeader(raw json.RawMessage) (id string, err error) {
	var header struct {
		Type string     `json:"type"`
		ID   string     `json:"block_id"`
		Text *slackText `json:"text"`
	}
	switch err := strict(raw, &header); {
	case err != nil:
		return "", err
	case header.Text == nil:
		return "", errors.New("a header without text")
	case header.Text.Type != "plain_text":
		return "", errors.New("the text of a header is plain_text only")
	}
	return header.ID, errors.Join(checkSlackID(header.ID), header.Text.check(maxSlackHeader))
}

func checkSlackSection(raw json.RawMessage) (id string, err error) {
	var section struct {
		Type   string      `json:"type"`
		ID     string      `json:"block_id"`
		Text   *slackText  `json:"text"`
		Fields []slackText `json:"fields"`
		Expand bool        `json:"expand"`
	}
	if err := strict(raw, &section); err != nil {
		return "", err
	}
	if section.Text == nil && len(section.Fields) == 0 {
		return "", errors.New("a section with neither text nor fields")
	}
	if section.Text != nil {
		if err := section.Text.check(maxSlackSection); err != nil {
			return "", err
		}
	}
	return section.ID, errors.Join(checkSlackID(section.ID), checkSlackItems(section.Fields, maxSlackField))
}

func checkSlackContext(raw json.RawMessage) (id string, err error) {
	var context struct {
		Type     string      `json:"type"`
		ID       string      `json:"block_id"`
		Elements []slackText `json:"elements"`
	}
	if err := strict(raw, &context); err != nil {
		return "", err
	}
	if len(context.Elements) == 0 {
		return "", errors.New("a context without elements")
	}
	return context.ID, errors.Join(checkSlackID(context.ID), checkSlackItems(context.Elements, maxSlackSection))
}

func checkSlackID(id string) error {
	if len(id) > maxSlackBlockID {
		return fmt.Errorf("a block_id of %d characters", len(id))
	}
	return nil
}

func checkSlackItems(items []slackText, limit int) error {
	if len(items) > maxSlackItems {
		return fmt.Errorf("%d fields or elements", len(items))
	}
	for i := range items {
		if err := items[i].check(limit); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

var (
	slackEntity = regexp.MustCompile(`&(amp|lt|gt);`)
	// The address of a link ends at the bar, so neither it nor the text holds one.
	slackLink = regexp.MustCompile(`<https?://[^<>|\s]+\|[^<>|]+>`)
)

func checkSlackText(text string, limit int, formatted bool) error {
	if n := len(utf16.Encode([]rune(text))); strings.TrimSpace(text) == "" || n > limit {
		return fmt.Errorf("%d characters, expected 1 to %d", n, limit)
	}
	rest := slackEntity.ReplaceAllString(text, "")
	if formatted {
		rest = slackLink.ReplaceAllString(rest, "")
	}
	if i := strings.IndexAny(rest, "&<>"); i >= 0 {
		return fmt.Errorf("%q is not escaped in %.100q", rest[i], text)
	}
	return nil
}
