package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net/textproto"
	"net/url"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	gomail "github.com/wneessen/go-mail"
)

// maxMail is far more than anybody reads.
const maxMail = 64 << 10

// letter is an e-mail and how to get to its server.
type letter struct {
	*gomail.Msg
	config *smtp.Config
}

var mailServer = service{
	name: "the mail server", report: "e-mail",
	took: func(a answer) bool { return a.status == 0 },
	explain: func(a answer) (string, string) {
		if a.status < 500 {
			return "", "it does not take the letter now, which may pass; if it stays so, ask who runs the mail server"
		}
		return "", "see that the smtp:// address in notifyUrls has the right user, password, sender and receivers"
	},
}

// mailboxesAt lets shoutrrr read the address. Its letters would have no Message-ID, for which large providers refuse them.
func mailboxesAt(address *url.URL) (teller, error) {
	s := &smtp.Service{}
	if s.Initialize(address, nil) != nil || s.Config.Host == "" {
		return nil, errNotWhole
	}
	s.Config.FixEmailTags()
	if s.Config.Username != "" && !encrypted(s.Config) && !local(s.Config.Host) {
		return nil, errors.New("it would send the password in clear: leave out encryption and usestarttls")
	}
	return func(ctx context.Context, c carrier, to service, m Message) error {
		l, err := newLetter(s.Config, m)
		if err != nil {
			return errNotWhole
		}
		return c.mail(ctx, to, l)
	}, nil
}

func newLetter(config *smtp.Config, m Message) (letter, error) {
	l := letter{gomail.NewMsg(), config}
	from := l.From(config.FromAddress)
	if config.FromName != "" {
		from = l.FromFormat(config.FromName, config.FromAddress)
	}
	l.Subject(cut(m.title(), maxHeader))
	l.SetBodyString(gomail.TypeTextPlain, m.text(mailed, true, func(s string) bool { return len(s) <= maxMail })+"\n")
	return l, errors.Join(from, l.To(config.ToAddresses...))
}

// mail sends a letter. Nothing that its server says is shown but the figure of its answer.
func (s sender) mail(ctx context.Context, to service, l letter) error {
	return s.repeat(ctx, to, func(ctx context.Context) answer {
		client, err := s.client(ctx, l.config)
		if err == nil {
			err = client.DialWithContext(ctx)
		}
		if err != nil {
			return replied(err, false)
		}
		defer client.Close()
		err = client.Send(l.Msg)
		if err == nil || l.IsDelivered() {
			return answer{}
		}
		var failure *gomail.SendError
		return replied(err, !errors.As(err, &failure) || failure.Reason == gomail.ErrSMTPDataClose)
	})
}

// replied is the figure of the server's answer, or why there is none.
func replied(err error, written bool) answer {
	var reply *textproto.Error
	var failure *gomail.SendError
	switch {
	case errors.As(err, &reply):
		return answer{status: reply.Code}
	case errors.As(err, &failure) && failure.ErrorCode() != 0:
		return answer{status: failure.ErrorCode()}
	}
	return answer{err: err, written: written}
}

func (s sender) client(ctx context.Context, config *smtp.Config) (*gomail.Client, error) {
	trust := s.trust.Clone()
	trust.ServerName, trust.MinVersion, trust.InsecureSkipVerify = config.Host, tls.VersionTLS12, config.SkipTLSVerify
	deadline, _ := ctx.Deadline()
	options := []gomail.Option{
		gomail.WithPort(int(config.Port)), gomail.WithTLSConfig(trust), gomail.WithTLSPolicy(policy(config)),
		gomail.WithTimeout(time.Until(deadline)),
	}
	if config.ClientHost != "auto" {
		options = append(options, gomail.WithHELO(config.ClientHost))
	}
	if implicit(config) {
		options = append(options, gomail.WithSSL())
	}
	if config.Auth != smtp.AuthTypes.None {
		options = append(options, gomail.WithSMTPAuth(authentication(config)), gomail.WithUsername(config.Username), gomail.WithPassword(config.Password))
	}
	return gomail.NewClient(config.Host, options...)
}

// implicit says whether the connection is encrypted from its first byte.
func implicit(config *smtp.Config) bool {
	return config.Encryption == smtp.EncMethods.ImplicitTLS || config.Encryption == smtp.EncMethods.Auto && config.Port == smtp.ImplicitTLSPort
}

func encrypted(config *smtp.Config) bool {
	return implicit(config) || config.UseStartTLS && config.Encryption != smtp.EncMethods.None
}

// policy lets a password pass only through TLS. A relay that wants none may do without.
func policy(config *smtp.Config) gomail.TLSPolicy {
	switch {
	case !encrypted(config):
		return gomail.NoTLS
	case config.Username != "" || config.RequireStartTLS || config.Encryption == smtp.EncMethods.ExplicitTLS:
		return gomail.TLSMandatory
	}
	return gomail.TLSOpportunistic
}

// authentication is the one that the address names, or the best that the server has.
func authentication(config *smtp.Config) gomail.SMTPAuthType {
	switch config.Auth {
	case smtp.AuthTypes.CRAMMD5:
		return gomail.SMTPAuthCramMD5
	case smtp.AuthTypes.OAuth2:
		return gomail.SMTPAuthXOAUTH2
	case smtp.AuthTypes.Login:
		return gomail.SMTPAuthLogin
	}
	return gomail.SMTPAuthAutoDiscover
}
