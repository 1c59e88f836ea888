package labtest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// slackMessage is a message with the given block in it.
func slackMessage(block string) string { return `{"text":"t","blocks":[` + block + `]}` }

const slackHeader = `{"type":"header","text":{"type":"plain_text","text":"h"}}`

func plainSlack(text string) string { return `{"type":"plain_text","text":"` + text + `"}` }
func mrkdwnSlack(text string) string {
	return slackMessage(`{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`)
}

func many(n int, item string) string { return strings.Repeat(item+",", n-1) + item }

func TestCheckSlackAccepts(t *testing.T) {
	x := strings.Repeat
	for name, payload := range map[string]string{
		"header":              slackMessage(slackHeader),
		"longest header":      slackMessage(`{"type":"header","block_id":"a","text":{"type":"plain_text","emoji":false,"text":"` + x("x", 150) + `"}}`),
		"longest section":     mrkdwnSlack(x("x", 3000)),
		"link":                mrkdwnSlack("see <https://a.example/b?c=1&amp;d=2|the run>, *bold*"),
		"entities":            mrkdwnSlack("&lt;!channel&gt; &amp;"),
		"fields":              slackMessage(`{"type":"section","fields":[` + many(10, plainSlack(x("x", 2000))) + `]}`),
		"text and fields":     slackMessage(`{"type":"section","expand":true,"text":` + plainSlack("a") + `,"fields":[` + plainSlack("b") + `]}`),
		"context":             slackMessage(`{"type":"context","elements":[` + many(10, `{"type":"mrkdwn","verbatim":true,"text":"a"}`) + `]}`),
		"most blocks":         slackMessage(many(50, slackHeader)),
		"longest text":        `{"mrkdwn":false,"text":"` + x("x", 4000) + `","blocks":[` + slackHeader + `]}`,
		"character pairs fit": slackMessage(`{"type":"header","text":` + plainSlack(x("😀", 75)) + `}`),
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckSlack([]byte(payload)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckSlackRefuses(t *testing.T) {
	x := strings.Repeat
	for name, test := range map[string]struct{ payload, want string }{
		"no JSON":              {`hello`, "invalid_payload: invalid character"},
		"two values":           {slackMessage(slackHeader) + `{}`, "invalid_payload: something follows"},
		"not UTF-8":            {mrkdwnSlack("\xff"), "invalid_payload: not valid UTF-8"},
		"unknown field":        {`{"text":"t","txt":"t","blocks":[` + slackHeader + `]}`, `invalid_payload: json: unknown field "txt"`},
		"no text":              {`{"blocks":[` + slackHeader + `]}`, "no_text: "},
		"text too long":        {`{"text":"` + x("x", 4001) + `","blocks":[` + slackHeader + `]}`, "invalid_payload: text: 4001"},
		"text not escaped":     {`{"text":"<!channel>","blocks":[` + slackHeader + `]}`, "invalid_payload: text: '<'"},
		"link without mrkdwn":  {`{"mrkdwn":false,"text":"<https://a.example|b>","blocks":[` + slackHeader + `]}`, "invalid_payload: text: '<'"},
		"no blocks":            {`{"text":"t"}`, "invalid_blocks: 0 blocks"},
		"too many blocks":      {slackMessage(many(51, slackHeader)), "invalid_blocks: 51 blocks"},
		"block of no type":     {slackMessage(`{}`), `invalid_blocks: block 0: a block of type ""`},
		"block is no object":   {slackMessage(slackHeader + `,7`), "invalid_blocks: block 1: json: cannot unmarshal"},
		"header without text":  {slackMessage(`{"type":"header"}`), "invalid_blocks: block 0: a header without text"},
		"header in mrkdwn":     {slackMessage(`{"type":"header","text":{"type":"mrkdwn","text":"h"}}`), "plain_text only"},
		"header too long":      {slackMessage(`{"type":"header","text":` + plainSlack(x("x", 151)) + `}`), "151 characters"},
		"pairs too long":       {slackMessage(`{"type":"header","text":` + plainSlack(x("😀", 76)) + `}`), "152 characters"},
		"header with fields":   {slackMessage(`{"type":"header","text":` + plainSlack("h") + `,"fields":[]}`), `unknown field "fields"`},
		"empty section":        {slackMessage(`{"type":"section"}`), "neither text nor fields"},
		"section too long":     {mrkdwnSlack(x("x", 3001)), "3001 characters"},
		"empty text":           {mrkdwnSlack(""), "0 characters"},
		"blank text":           {mrkdwnSlack(" "), "1 characters"},
		"section unknown":      {slackMessage(`{"type":"section","txt":1}`), `unknown field "txt"`},
		"too many fields":      {slackMessage(`{"type":"section","fields":[` + many(11, plainSlack("f")) + `]}`), "11 fields"},
		"field too long":       {slackMessage(`{"type":"section","fields":[` + plainSlack(x("x", 2001)) + `]}`), "item 0: 2001"},
		"text of no type":      {slackMessage(`{"type":"section","text":{"text":"a"}}`), `a text of type ""`},
		"emoji of mrkdwn":      {slackMessage(`{"type":"section","text":{"type":"mrkdwn","text":"a","emoji":true}}`), "emoji is for plain_text"},
		"verbatim of plain":    {slackMessage(`{"type":"section","text":{"type":"plain_text","text":"a","verbatim":true}}`), "verbatim is for mrkdwn"},
		"empty context":        {slackMessage(`{"type":"context","elements":[]}`), "without elements"},
		"context unknown":      {slackMessage(`{"type":"context","fields":[]}`), `unknown field "fields"`},
		"too many elements":    {slackMessage(`{"type":"context","elements":[` + many(11, plainSlack("f")) + `]}`), "11 fields or elements"},
		"id too long":          {slackMessage(`{"type":"section","text":` + plainSlack("a") + `,"block_id":"` + x("x", 256) + `"}`), "block_id of 256"},
		"id twice":             {slackMessage(many(2, `{"type":"section","text":`+plainSlack("a")+`,"block_id":"i"}`)), "a second time"},
		"mention":              {mrkdwnSlack("<!channel>"), "'<' is not escaped"},
		"ampersand":            {mrkdwnSlack("a & b"), "'&' is not escaped"},
		"half an entity":       {mrkdwnSlack("&lt"), "'&' is not escaped"},
		"greater":              {mrkdwnSlack("> quote"), "'>' is not escaped"},
		"link without address": {mrkdwnSlack("<|a>"), "'<' is not escaped"},
		"other scheme":         {mrkdwnSlack("<javascript:1|a>"), "'<' is not escaped"},
		"link in plain text":   {slackMessage(`{"type":"section","text":` + plainSlack("<https://a.example|b>") + `}`), "'<' is not escaped"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckSlack([]byte(test.payload))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestSlackAnswers(t *testing.T) {
	good := slackMessage(slackHeader)
	for name, test := range map[string]struct {
		method, path, kind, payload string
		status                      int
		answer                      string
	}{
		"accepted":           {"POST", slackPath, "application/json", good, 200, "ok"},
		"with a charset":     {"POST", slackPath, "application/json; charset=utf-8", good, 200, "ok"},
		"other path":         {"POST", "/services/T/B/other", "application/json", good, 404, "no_service"},
		"other method":       {"PUT", slackPath, "application/json", good, 405, "invalid_payload"},
		"other content type": {"POST", slackPath, "text/plain", good, 400, "invalid_payload"},
		"bad blocks":         {"POST", slackPath, "application/json", slackMessage(`{}`), 400, "invalid_blocks"},
		"no text":            {"POST", slackPath, "application/json", `{}`, 400, "no_text"},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSlack(t)
			req, err := http.NewRequest(test.method, "http://"+s.Addr()+test.path, strings.NewReader(test.payload))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", test.kind)
			status, answer := answered(t, req)
			if status != test.status || answer != test.answer {
				t.Errorf("got %d %s", status, answer)
			}
			var want []string
			if test.status == 200 {
				want = []string{good}
			}
			if !slices.Equal(s.Messages(), want) || (len(s.Refused()) == 0) != (test.status == 200) {
				t.Errorf("recorded %q, refused %q", s.Messages(), s.Refused())
			}
		})
	}
}

func answered(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestSlackFault(t *testing.T) {
	s := NewSlack(t)
	s.Fault(Fault{Status: 404, Body: "no_service", Times: 1})
	for _, want := range []int{404, 200} {
		req, err := http.NewRequest("POST", s.Webhook(), strings.NewReader(slackMessage(slackHeader)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if status, _ := answered(t, req); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	if n := len(s.Messages()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func FuzzCheckSlack(f *testing.F) {
	f.Add([]byte(slackMessage(slackHeader)))
	f.Add([]byte(mrkdwnSlack("<https://a.example|b> &amp;")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var refusal *SlackError
		if err := CheckSlack(payload); err != nil && !errors.As(err, &refusal) {
			t.Errorf("an error that Slack does not send: %v", err)
		}
	})
}
