package notify

import (
	"bytes"
	"encoding/json"

	"dagger/slipway/stages/redact"
)

// Limits of Slack's Block Kit reference, in characters and pieces (N2).
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxText    = 1000 // of a notification; more is not read
	maxNote    = 300  // of one element of the last line
)

// payload is a message for an incoming webhook.
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

// section is one paragraph.
func section(s string) block {
	text := plain(s, maxSection)
	return block{Type: "section", Text: &text}
}

func linkSection(links string) block {
	text := formatted(links)
	return block{Type: "section", Text: &text}
}

// fact is a line of the two columns in a message.
type fact struct{ name, value string }

// facts are shown in two columns. Slack allows ten fields, so there are at most five facts.
func facts(all ...fact) []block {
	var fields []object
	for _, f := range all {
		if redact.OneLine(f.value) != "" {
			fields = append(fields, formatted("*"+f.name+"*"), plain(f.value, maxField))
		}
	}
	if fields == nil {
		return nil
	}
	return []block{{Type: "section", Fields: fields}}
}

// notes are the small print.
func notes(all ...string) []block {
	var elements []object
	for _, s := range all {
		if redact.OneLine(s) != "" {
			elements = append(elements, plain(s, maxNote))
		}
	}
	if elements == nil {
		return nil
	}
	return []block{{Type: "context", Elements: elements}}
}

// encode writes the JSON; HTML escapes would only make it longer.
func (p payload) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	return b.Bytes(), err
}
