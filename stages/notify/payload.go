package notify

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Limits of Slack's Block Kit reference, in characters and pieces (N2).
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxText    = 1000 // of a notification; more is not read
	maxNote    = 300  // of one element of the last line
)

// slackPayload is the message as Slack's webhook takes it.
func (m Message) slackPayload() ([]byte, error) {
	p := payload{Text: inert(m.summary(), maxText), Blocks: []block{header(m.title())}}
	for _, part := range m.parts() {
		p.Blocks = append(p.Blocks, part.block())
	}
	return p.encode()
}

// payload is a message for an incoming webhook of Slack.
type payload struct {
	// Text is what notifications show, and what reads the message aloud.
	Text string `json:"text"`
	// Mrkdwn is false: the text holds words that others have chosen, and no formatting of ours.
	Mrkdwn bool    `json:"mrkdwn"`
	Blocks []block `json:"blocks"`
}

// block is a layout block of Block Kit.
type block struct {
	Type     string   `json:"type"`
	Text     *object  `json:"text,omitempty"`
	Fields   []object `json:"fields,omitempty"`
	Elements []object `json:"elements,omitempty"`
}

// object is a text object of Block Kit.
type object struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji,omitempty"`
	Verbatim bool   `json:"verbatim,omitempty"`
}

// plain is for every text that is not our own. Slack has no way to escape * _ ~ and `, but formats nothing in plain
// text, so nothing needs to be put between the characters; with emoji off, :words: stay words.
func plain(s string, limit int) object {
	return object{Type: "plain_text", Text: inert(s, limit), Emoji: new(bool)}
}

// formatted is for our own words and checked links. Verbatim keeps Slack from finding further links and names in them.
func formatted(s string) object { return object{Type: "mrkdwn", Text: s, Verbatim: true} }

func header(s string) block {
	text := plain(s, maxHeader)
	return block{Type: "header", Text: &text}
}

// block shows a part. The columns of facts are Slack's fields, of which it allows ten, so there are at most five facts.
func (p part) block() block {
	switch {
	case p.facts != nil:
		var fields []object
		for _, f := range p.facts {
			fields = append(fields, formatted("*"+f.name+"*"), plain(f.value, maxField))
		}
		return block{Type: "section", Fields: fields}
	case p.links != nil:
		text := formatted(slackLinks(p.links))
		return block{Type: "section", Text: &text}
	case p.notes != nil:
		var elements []object
		for _, s := range p.notes {
			elements = append(elements, plain(s, maxNote))
		}
		return block{Type: "context", Elements: elements}
	}
	text := plain(p.text, maxSection)
	return block{Type: "section", Text: &text}
}

func slackLinks(all []link) string {
	var shown []string
	for _, l := range all {
		shown = append(shown, "<"+entities.Replace(l.address)+"|"+l.label+">")
	}
	return strings.Join(shown, " · ")
}

// encode writes the JSON; HTML escapes would only make it longer.
func (p payload) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	return b.Bytes(), err
}
