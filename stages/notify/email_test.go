package notify

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

const mailQuery = "?from=ci%2Brelease@acme.example&fromname=Slipway&to=team@acme.example,ops@acme.example"

// address is that of the server, with the account's password.
func (s *smtpServer) address() string {
	return "smtp://annabel:secretword@" + s.listener.Addr().String() + "/" + mailQuery
}

// mailTo sends a message by a sender that trusts the server.
func (s *smtpServer) mailTo(t *testing.T, address string, m Message) (waits int, failure error) {
	t.Helper()
	all, err := Receivers(address)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.sender.trust = &tls.Config{RootCAs: s.trust}
	_, failures := tellBy(t.Context(), b.sender, all, m)
	if failures == nil {
		return len(b.waits), nil
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	for _, secret := range []string{"annabel", "secretword", "127.0.0.1", port, "acme.example"} {
		if strings.Contains(failures[0].Error(), secret) {
			t.Errorf("the error shows %q of the address: %v", secret, failures[0])
		}
	}
	return len(b.waits), failures[0]
}

func TestMail(t *testing.T) {
	for name, m := range map[string]Message{"released": released(), "failed": failed(), "rolled back": rolledBack(), "hostile": hostile(), "many": manyFailures()} {
		t.Run(name, func(t *testing.T) {
			s := newSMTP(t, nil)
			_, err := s.mailTo(t, s.address(), m)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil || len(s.letters) != 1 {
				t.Fatalf("%v, and %d letters", err, len(s.letters))
			}
			if want := []string{"TO:<team@acme.example>", "TO:<ops@acme.example>"}; !slices.Equal(s.to, want) || !s.loggedIn {
				t.Errorf("to %q, logged in: %t", s.to, s.loggedIn)
			}
			letter, err := mail.ReadMessage(strings.NewReader(s.letters[0]))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
			if want := cut(m.title(), maxHeader); err != nil || subject != want {
				t.Errorf("the subject is %q, %v; want %q", subject, err, want)
			}
			body, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
			if want := strings.ReplaceAll(m.text(mailed, true, func(s string) bool { return len(s) <= maxMail })+"\n", "\n", "\r\n"); err != nil || string(body) != want {
				t.Errorf("the text is\n%s\nwant\n%s", body, want)
			}
			for header, want := range map[string]string{
				"From": `"Slipway" <ci+release@acme.example>`, "Mime-Version": "1.0",
				"Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": "quoted-printable",
			} {
				if got := letter.Header[header]; !slices.Equal(got, []string{want}) {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			if letter.Header.Get("Message-Id") == "" || letter.Header.Get("Date") == "" {
				t.Errorf("without Message-ID or Date: %v", letter.Header)
			}
		})
	}
}

// TestNoHeaderComesFromAMessage: the subject is one header whatever stands in it.
func TestNoHeaderComesFromAMessage(t *testing.T) {
	s := newSMTP(t, nil)
	m := released()
	m.Report.Version = "1.0\r\nBcc: all@acme.example\r\n\r\nhello"
	_, err := s.mailTo(t, s.address(), m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || len(s.letters) != 1 {
		t.Fatalf("%v, and %d letters", err, len(s.letters))
	}
	letter, err := mail.ReadMessage(strings.NewReader(s.letters[0]))
	if err != nil || letter.Header.Get("Bcc") != "" || len(s.to) != 2 {
		t.Errorf("got %v, %v to %q", letter.Header, err, s.to)
	}
}

func TestMailWays(t *testing.T) {
	const advice = ": see that the smtp:// address in notifyUrls has the right user, password, sender and receivers"
	const later = ": it does not take the letter now, which may pass; if it stays so, ask who runs the mail server"
	const perhaps = "the connection to the mail server broke: the message may have arrived, so it is not sent again; look whether it is there"
	for name, c := range map[string]struct {
		server  func(*smtpServer)
		query   string
		letters int
		waits   int
		want    string
	}{
		"encrypted from the first byte": {func(s *smtpServer) { s.encrypts = true }, "&encryption=ImplicitTLS", 1, 0, ""},
		"a relay in clear":              {func(s *smtpServer) { s.plain, s.account = true, "" }, "", 1, 0, ""},
		"a relay that encrypts":         {func(s *smtpServer) { s.account = "" }, "", 1, 0, ""},
		"a relay that has to encrypt":   {func(s *smtpServer) { s.plain, s.account = true, "" }, "&requirestarttls=yes", 0, 2, "no connection to the mail server: it cannot be reached as its address says"},
		"no password in clear":          {func(s *smtpServer) { s.plain = true }, "", 0, 2, "no connection to the mail server: it cannot be reached as its address says"},
		"a stranger":                    {func(s *smtpServer) { s.trust = x509.NewCertPool() }, "", 0, 0, "no connection to the mail server: its certificate is not valid here"},
		"wrong password":                {func(s *smtpServer) { s.account = "annabel\x00other" }, "", 0, 0, "the mail server answered 535" + advice},
		"the sender is refused":         {answering("MAIL", "550 5.1.0 ci@acme.example"), "", 0, 0, "the mail server answered 550" + advice},
		"not now":                       {answering("RCPT", "450 4.2.0 greylisted, team@acme.example"), "", 0, 0, "the mail server answered 450" + later},
		"a receiver is refused":         {answering("RCPT", "550 5.1.1 team@acme.example"), "", 0, 0, "the mail server answered 550" + advice},
		"the letter is refused":         {answering(".", "554 5.7.1 secretword"), "", 1, 0, "the mail server answered 554" + advice},
		"the answer is lost":            {answering(".", ""), "", 1, 0, perhaps},
		"lost before the letter":        {answering("DATA", ""), "", 0, 2, "no connection to the mail server: it cannot be reached as its address says"},
		"lost after it":                 {answering("RSET", ""), "", 1, 0, ""},
		"lost at the end":               {answering("QUIT", ""), "", 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSMTP(t, c.server)
			address := s.address() + c.query
			if s.account == "" {
				address = strings.Replace(address, "annabel:secretword@", "", 1)
			}
			waits, err := s.mailTo(t, address, released())
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.letters) != c.letters || waits != c.waits || len(s.open) != waits+1 {
				t.Errorf("%d letters, %d waits, %d connections", len(s.letters), waits, len(s.open))
			}
		})
	}
}

func answering(word, answer string) func(*smtpServer) {
	return func(s *smtpServer) { s.answers = map[string]string{word: answer} }
}

func TestMailToNobody(t *testing.T) {
	s := newSMTP(t, nil)
	s.listener.Close()
	if waits, err := s.mailTo(t, s.address(), released()); err == nil || err.Error() != "no connection to the mail server: connection refused" || waits != 2 {
		t.Errorf("got %v after %d waits", err, waits)
	}
}
