package notify

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// smtpServer is a mail server as strict as RFC 5321: a word out of its order, a line too long or an eighth bit is refused.
type smtpServer struct {
	listener net.Listener
	tls      *tls.Config
	trust    *x509.CertPool
	encrypts bool              // from the first byte
	plain    bool              // it knows no STARTTLS
	answers  map[string]string // instead of those to the words; an empty one is the end of the connection
	account  string            // user and password, both empty for a relay

	mu       sync.Mutex
	open     []net.Conn
	letters  []string
	to       []string
	loggedIn bool
}

func newSMTP(t *testing.T, change func(*smtpServer)) *smtpServer {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	s := &smtpServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}, trust: x509.NewCertPool(), account: "annabel\x00secretword"}
	s.trust.AddCert(certified.Certificate())
	if change != nil {
		change(s)
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		s.listener.Close()
		s.mu.Lock()
		for _, conn := range s.open { // the library leaves those open on which it has not come to a letter
			conn.Close()
		}
		s.mu.Unlock()
		serving.Wait()
	})
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	s.mu.Lock()
	s.open = append(s.open, conn)
	s.mu.Unlock()
	if s.encrypts {
		conn = tls.Server(conn, s.tls)
	}
	talk := &dialogue{smtpServer: s, conn: conn, encrypted: s.encrypts}
	defer func() { talk.conn.Close() }()
	talk.lines = bufio.NewReader(conn)
	talk.say("220 mail.acme.example ESMTP")
	for talk.answer() {
	}
}

// dialogue is one connection.
type dialogue struct {
	*smtpServer
	conn       net.Conn
	lines      *bufio.Reader
	encrypted  bool
	known      bool
	from       string
	recipients []string
}

func (d *dialogue) say(line string) { _, _ = io.WriteString(d.conn, line+"\r\n") }

func (d *dialogue) answer() bool {
	line, err := d.lines.ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "\r\n") {
		return false
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	word = strings.ToUpper(word)
	if instead, ok := d.answers[word]; ok {
		if instead != "" {
			d.say(instead)
		}
		return instead != ""
	}
	switch word {
	case "EHLO":
		d.greet()
	case "STARTTLS":
		d.say("220 go on")
		d.conn = tls.Server(d.conn, d.tls)
		d.lines, d.encrypted, d.known = bufio.NewReader(d.conn), true, false
	case "AUTH":
		d.logIn(rest)
	case "MAIL":
		d.from, d.recipients = rest, nil
		d.sayIf(d.known || d.account == "", "250 ok", "530 5.7.0 log in first, secretword")
	case "RCPT":
		d.recipients = append(d.recipients, rest)
		d.sayIf(d.from != "", "250 ok", "503 MAIL first")
	case "DATA":
		return d.data()
	case "RSET", "NOOP":
		d.say("250 ok")
	case "QUIT":
		d.say("221 bye")
		return false
	default:
		d.say("500 unknown")
	}
	return true
}

func (d *dialogue) sayIf(ok bool, yes, no string) {
	if !ok {
		yes = no
	}
	d.say(yes)
}

func (d *dialogue) greet() {
	lines := []string{"mail.acme.example", "ENHANCEDSTATUSCODES"}
	if !d.encrypted && !d.plain {
		lines = append(lines, "STARTTLS")
	}
	if d.encrypted && d.account != "" {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	for i, line := range lines {
		dash := "-"
		if i == len(lines)-1 {
			dash = " "
		}
		d.say("250" + dash + line)
	}
}

func (d *dialogue) logIn(rest string) {
	mechanism, response, _ := strings.Cut(rest, " ")
	said, _ := base64.StdEncoding.DecodeString(response)
	d.known = d.encrypted && mechanism == "PLAIN" && strings.TrimPrefix(string(said), "\x00") == d.account
	d.sayIf(d.known, "235 ok", "535 5.7.8 annabel secretword is wrong")
}

func (d *dialogue) data() bool {
	if len(d.recipients) == 0 {
		d.say("503 RCPT first")
		return true
	}
	d.say("354 go on")
	var text strings.Builder
	for {
		line, err := d.lines.ReadString('\n')
		if err != nil || len(line) > 1000 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			d.say("554 no such line: " + fmt.Sprintf("%q", line))
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	d.mu.Lock()
	d.letters, d.to, d.loggedIn = append(d.letters, text.String()), slices.Clone(d.recipients), d.known
	d.mu.Unlock()
	if answer, ok := d.answers["."]; ok {
		if answer != "" {
			d.say(answer)
		}
		return answer != ""
	}
	d.say("250 queued")
	return true
}
