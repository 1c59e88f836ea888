package notify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/report"
)

// manyFailures is a message that is longer than any chat takes.
func manyFailures() Message {
	m := hostile()
	m.Report.Stages = nil
	for range 60 {
		m.Report.Stages = append(m.Report.Stages, report.Stage{Name: "S", Ending: report.Failed, Reason: strings.Repeat("&_@", 4000), Next: strings.Repeat("é", 5000)})
	}
	return m
}

// tell sends a message to the receiver behind the address, with waits that are noted instead of made.
func (s *standIn) tell(t *testing.T, m Message) (waits []time.Duration, failure error) {
	t.Helper()
	all, err := Receivers(s.address)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.sender.base = s
	told, failures := tellBy(t.Context(), b.sender, all, m)
	if len(told)+len(failures) != 1 {
		t.Fatalf("told %q, not told %v", told, failures)
	}
	if failures != nil {
		failure = failures[0]
		s.wantHidden(t, failure)
	}
	return b.waits, failure
}

func (s *standIn) wantHidden(t *testing.T, err error) {
	t.Helper()
	for _, secret := range append(s.secrets, s.address) {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows %q of the address: %v", secret, err)
		}
	}
}

func TestChatsAreTold(t *testing.T) {
	for _, kind := range chatKinds {
		for name, m := range map[string]Message{
			"released": released(), "failed": failed(), "forced": forced(), "rolled back": rolledBack(), "hostile": hostile(), "empty": {}, "many": manyFailures(),
		} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				s := newStandIn(t, kind)
				_, err := s.tell(t, m)
				s.mu.Lock()
				defer s.mu.Unlock()
				if err != nil || len(s.texts) != 1 || len(s.Requests()) != 1 {
					t.Fatalf("%v after %d requests; refused: %q", err, len(s.Requests()), s.refused)
				}
				wantLifeless(t, s.texts[0])
				for _, words := range []string{lifeless(m.Report.Version), "outcome", m.mark()} {
					if !strings.Contains(strings.ReplaceAll(s.texts[0], `\`, ""), words) && name != "many" && name != "hostile" {
						t.Errorf("no %q in\n%s", words, s.texts[0])
					}
				}
			})
		}
	}
}

// TestChatsAreToldOnce: what may have arrived is not sent again, by the library either.
func TestChatsAreToldOnce(t *testing.T) {
	const look = ": see that its address in notifyUrls is right and nothing was removed there"
	const report = look + "; if so, please report it with the report of this run"
	const broken = ": it has a problem of its own, and may have taken the message: look whether it is there"
	const perhaps = ": the message may have arrived, so it is not sent again; look whether it is there"
	for _, kind := range chatKinds {
		for name, c := range map[string]struct {
			fault    labtest.Fault
			requests int
			want     string
		}{
			"not there":         {labtest.Fault{Status: 404, Body: "no such path " + kind.path}, 1, kind.name + " answered 404" + look},
			"not known there":   {labtest.Fault{Status: 401}, 1, kind.name + " answered 401" + look},
			"forbidden":         {labtest.Fault{Status: 403}, 1, kind.name + " answered 403" + look},
			"removed":           {labtest.Fault{Status: 410}, 1, kind.name + " answered 410" + look},
			"refused":           {labtest.Fault{Status: 400}, 1, kind.name + " answered 400" + report},
			"elsewhere":         {labtest.Fault{Status: 302, Header: http.Header{"Location": {"https://" + kind.host + kind.path}}}, 1, kind.name + " answered 302" + report},
			"broken":            {labtest.Fault{Status: 502, Times: 1}, 1, kind.name + " answered 502" + broken},
			"down":              {labtest.Fault{Status: 503, Times: 1}, 1, kind.name + " answered 503" + broken},
			"answer lost":       {labtest.Fault{Lose: true, Times: 1}, 1, "the connection to " + kind.name + " broke" + perhaps},
			"connection lost":   {labtest.Fault{Reset: true, Times: 1}, 1, "the connection to " + kind.name + " broke" + perhaps},
			"busy":              {labtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}, Times: 1}, 2, ""},
			"busy, in the body": {labtest.Fault{Status: 429, Body: `{"message":"slow down","retry_after":6.2,"global":false}`, Times: 1}, 2, ""},
			"busy, deep in it":  {labtest.Fault{Status: 429, Body: `{"ok":false,"error_code":429,"parameters":{"retry_after":7}}`, Times: 1}, 2, ""},
			"busy for long":     {labtest.Fault{Status: 429, Body: `{"retry_after":61}`}, 1, kind.name + " answered 429 and asks to wait 1m1s, which is too long"},
			"busy all the time": {labtest.Fault{Status: 429}, 3, kind.name + " answered 429"},
		} {
			t.Run(kind.name+", "+name, func(t *testing.T) {
				s := newStandIn(t, kind)
				s.Fault(c.fault)
				waits, err := s.tell(t, released())
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.Requests()) != c.requests || len(s.texts) > 1 {
					t.Errorf("%d requests, %d messages", len(s.Requests()), len(s.texts))
				}
				if c.want == "" && (err != nil || !slices.Equal(waits, []time.Duration{7 * time.Second})) || c.want != "" && (err == nil || err.Error() != c.want) {
					t.Errorf("got %v after waiting %v, want %s", err, waits, c.want)
				}
			})
		}
	}
}

// network leads to several chats, each by its host.
type network []*standIn

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, s := range n {
		if s.host == r.URL.Host {
			return s.RoundTrip(r)
		}
	}
	return nil, fmt.Errorf("nobody is at %s", r.URL)
}

// TestTellAll: each is told on its own, and the report can say who was.
func TestTellAll(t *testing.T) {
	for broken, kind := range chatKinds {
		t.Run(kind.name, func(t *testing.T) {
			var chats network
			var addresses, others []string
			for i, kind := range chatKinds {
				s := newStandIn(t, kind)
				if i == broken {
					s.Fault(labtest.Fault{Status: 404})
				} else {
					others = append(others, kind.name)
				}
				chats, addresses = append(chats, s), append(addresses, kind.address)
			}
			all, err := Receivers(strings.Join(addresses, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t)
			b.sender.base = chats
			told, failures := tellBy(t.Context(), b.sender, all, released())
			if !slices.Equal(told, others) || len(failures) != 1 || !strings.HasPrefix(failures[0].Error(), kind.name+" answered 404") {
				t.Errorf("told %q, not told %v", told, failures)
			}
		})
	}
}

func TestReceivers(t *testing.T) {
	const smtp = "smtp://annabel:secretword@mail.acme.example:587/?from=ci@acme.example&to=team@acme.example"
	all, err := Receivers("  " + chatKinds[0].address + "\n\t" + smtp + "\r\n" + chatKinds[0].address + " " + chatKinds[3].address)
	var names []string
	for _, r := range all {
		names = append(names, r.Name())
	}
	if want := []string{"Discord", "e-mail", "Discord 2", "Telegram"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("got %q, %v; want %q", names, err, want)
	}
	if all, err := Receivers(" \n"); all != nil || err != nil {
		t.Errorf("got %v, %v of nothing", all, err)
	}
}

// TestLocal: on the way to these nobody else listens.
func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "10.88.0.3": true, "172.16.0.1": true, "192.168.1.1": true, "fd00::1": true, "::ffff:10.0.0.1": true,
		"203.0.113.5": false, "8.8.8.8": false, "172.32.0.1": false, "169.254.169.254": false, "2001:db8::1": false, "::ffff:8.8.8.8": false,
		"0.0.0.0": false, "chat.acme.example": false, "localhost.acme.example": false, "": false,
	} {
		if got := local(host); got != want {
			t.Errorf("%q is local: %t", host, got)
		}
	}
}

func TestReceiversRefuses(t *testing.T) {
	const want = "expected one that begins with discord://, mattermost://, smtp://, teams://, telegram://, found "
	const several = "it names several chats, of which one may be told and another not: give each an address of its own"
	const mailInClear = "it would send the password in clear: leave out encryption and usestarttls"
	whole := errNotWhole.Error()
	for address, reason := range map[string]string{
		"secretword":                                                                          want + "one without such a beginning",
		"secretword:secretword@discord":                                                       want + "one without such a beginning",
		"https://discord.com/api/webhooks/77/secretword":                                      want + "https://",
		"generic://secretword.example":                                                        want + "generic://",
		"script://secretword":                                                                 want + "script://",
		"slack://secretword@secretword":                                                       "Slack has a setting of its own: set slackWebhookUrl to the address of an incoming webhook",
		"discord://secretword":                                                                whole,
		"discord://secretword@":                                                               whole,
		"discord://secretword@12/secretword":                                                  whole,
		"discord://secretword@12?secretword=1":                                                whole,
		"discord://secret%2Fword@12":                                                          whole,
		"discord://secretword@12%zz":                                                          whole,
		"telegram://secretword@telegram?chats=1":                                              whole,
		"telegram://1:secretword@telegram":                                                    whole,
		"telegram://12345678:AAsecretword_@telegram?chats=-1,-2":                              several,
		"telegram://12345678:AAsecretword_@telegram?Channels=-1,@secretword":                  several,
		"telegram://12345678:AAsecretword_@telegram?chats=-1&chats=-2":                        whole,
		"mattermost://secretword.example":                                                     whole,
		"mattermost:///secretword":                                                            whole,
		"mattermost://secretword.example/secretword?disabletls=yes":                           "it would send the secret to Mattermost in clear: leave out disabletls",
		"mattermost://203.0.113.5/secretword?disabletls=yes":                                  "it would send the secret to Mattermost in clear: leave out disabletls",
		"teams://secretword":                                                                  whole,
		"teams://?host=https://secretword.example/x":                                          whole,
		"teams://?host=http://a.logic.azure.com/workflows/secretword":                         whole,
		"smtp://secretword":                                                                   whole,
		"smtp://a.example?from=secretword&to=b@c.example":                                     whole,
		"smtp://a.example?from=b@c.example&to=secretword":                                     whole,
		"smtp:///?from=b@c.example&to=b@c.example":                                            whole,
		"smtp://a:secretword@a.example/?from=b@c.example&to=b@c.example&encryption=None":      mailInClear,
		"smtp://a:secretword@a.example/?from=b@c.example&to=b@c.example&usestarttls=no":       mailInClear,
		"smtp://a:secretword@203.0.113.5:25/?from=b@c.example&to=b@c.example&encryption=None": mailInClear,
		"smtp://a:secretword@[2001:db8::1]/?from=b@c.example&to=b@c.example&encryption=None":  mailInClear,
		"smtp://a.example/?from=b@c.example&to=secretword@c.example&to=d@c.example":           whole,
		"smtp://a:secretword@a.example/?from=b@c.example&to=b@c.example&timeout=secretword":   whole,
	} {
		t.Run(address, func(t *testing.T) {
			all, err := Receivers(chatKinds[1].address + " " + address)
			if err == nil || err.Error() != "address 2 of notifyUrls: "+reason || strings.Contains(err.Error(), "secret") && !strings.Contains(reason, "secret to") {
				t.Errorf("got %v, want %s", err, reason)
			}
			if len(all) != 1 {
				t.Errorf("%d receivers, want the one that is right", len(all))
			}
		})
	}
}

// canary marks each part of an address, of which no error may hold any.
const canary = "zqx"

func FuzzReceivers(f *testing.F) {
	for _, kind := range []string{"discord", "mattermost", "smtp", "slack", "teams", "telegram", "https", ""} {
		f.Add(kind, "a", "b", "c.example:587", "d/e", "from=f@g.example&to=h@i.example")
		f.Add(kind, "1", ":", "%zz", "", "chats=-1,-2&encryption=None&disabletls=yes")
	}
	f.Fuzz(func(t *testing.T, kind, user, password, host, path, query string) {
		if strings.Contains(kind+user+password+host+path+query, canary) {
			return
		}
		address := kind + "://" + canary + user + ":" + canary + password + "@" + canary + host + "/" + canary + path + "?" + query + "&" + canary + "=" + canary
		if _, err := Receivers(address); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows a part of %s: %v", address, err)
		}
	})
}
