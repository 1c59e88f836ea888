package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"dagger/slipway/stages/gate"
)

const (
	connectTime = 20 * time.Second
	// A server that says nothing for so long is gone: three questions without an answer.
	aliveEvery = 10 * time.Second
	aliveTries = 3
)

// errLost is a connection that ended while something ran: nobody knows how far it came.
var errLost = errors.New("the connection to the server was lost")

// Conn is one connection to a server.
type Conn struct {
	target  Target
	client  *ssh.Client
	through *Conn         // a bastion; nil without one
	gone    chan struct{} // closed with the connection
	held    *hold         // the server's lock; nil if it was not taken
}

// Connect logs in, through the bastion if there is one. A host whose key is not the known one is refused before anything of
// ours is sent to it.
func Connect(ctx context.Context, t Target, l Login) (*Conn, error) {
	if l.Bastion == (Target{}) {
		return l.connect(ctx, t, new(net.Dialer).DialContext, "no connection to "+t.Address())
	}
	bastion, err := l.connect(ctx, l.Bastion, new(net.Dialer).DialContext, "no connection to "+l.Bastion.Address())
	if err != nil {
		return nil, fmt.Errorf("the bastion on the way to %s: %w", t.Address(), err)
	}
	c, err := l.connect(ctx, t, bastion.client.DialContext, fmt.Sprintf("no connection from the bastion %s to %s", l.Bastion.Address(), t.Address()))
	if err != nil {
		bastion.Close()
		return nil, err
	}
	c.through = bastion
	return c, nil
}

// dial opens the way to a host.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// connect logs in to one host.
func (l Login) connect(ctx context.Context, t Target, dial dial, refused string) (*Conn, error) {
	config, auth, err := l.config(ctx, t)
	if err != nil {
		return nil, err
	}
	defer auth.Close()
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	raw, err := dial(ctx, "tcp", t.Address())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", refused, err)
	}
	// A connection through a bastion knows no deadlines, but can be closed.
	inTime := context.AfterFunc(ctx, func() { raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, t.Address(), config)
	if !inTime() && err != nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, loginError(t, err)
	}
	c := &Conn{target: t, client: ssh.NewClient(conn, channels, requests), gone: make(chan struct{})}
	go func() { _ = c.client.Wait(); close(c.gone) }()
	go c.keepAlive(aliveEvery)
	return c, nil
}

// config is how to log in to a host, and how to know that it is the right one, and what to close after that.
func (l Login) config(ctx context.Context, t Target) (*ssh.ClientConfig, io.Closer, error) {
	verify, algorithms, err := l.hostKeys(t)
	if err != nil {
		return nil, nil, err
	}
	auth, used, err := l.auth(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &ssh.ClientConfig{User: t.User, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: verify, HostKeyAlgorithms: algorithms}, used, nil
}

func loginError(t Target, err error) error {
	var host *HostKeyError
	switch {
	case errors.As(err, &host):
		return host
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no SSH connection to %s: nothing like SSH has answered within %s", t.Address(), connectTime)
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return &HostKeyError{Address: t.Address(), Changed: true, Found: "of another kind"}
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%s does not let %s in with this key: add its public half to ~/.ssh/authorized_keys there", t.Address(), t.User)
	}
	return fmt.Errorf("no SSH connection to %s: %w", t.Address(), err)
}

// Close ends the connection, and with it the lock.
func (c *Conn) Close() {
	c.client.Close()
	if c.through != nil {
		c.through.Close()
	}
}

// keepAlive finds out that the server is gone, which a silent network never tells.
func (c *Conn) keepAlive(every time.Duration) {
	for missed := 0; missed < aliveTries; {
		select {
		case <-c.gone:
			return
		case <-time.After(every):
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		select {
		case err := <-answered:
			if err != nil {
				return
			}
			missed = 0
		case <-time.After(every):
			missed++
		}
	}
	c.client.Close()
}

// command is one program on the server, its arguments as data.
type command struct {
	args  []string
	env   []string // NAME=value
	stdin io.Reader
	plain bool          // not in the application's folder
	time  time.Duration // in which it has to answer, if that is not commandTime
}

// exitError is a program on the server that ended badly.
type exitError struct {
	program string
	code    int
	output  string // what it printed, its end
}

func (e *exitError) Error() string {
	return fmt.Sprintf("%s on the server ended with %s: %s", e.program, gate.ExitText(e.code), e.output)
}

// run runs a program in the application's folder and returns what it printed. The server's shell gets one quoted line,
// because SSH knows no argument lists.
func (c *Conn) run(ctx context.Context, cmd command) (string, error) {
	var stdout, stderr bytes.Buffer
	err := c.session(ctx, cmd.name(), cmd.time, func(session *ssh.Session) error {
		defer session.Close()
		session.Stdout, session.Stderr, session.Stdin = &stdout, &stderr, cmd.stdin
		err := session.Run(c.inTurn(cmd).line(c.target.Dir))
		return runError(cmd, err, stdout.String()+stderr.String())
	})
	if exit := new(exitError); err != nil && !errors.As(err, &exit) {
		return "", err
	}
	return stdout.String(), err
}

func runError(cmd command, err error, output string) error {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && strings.HasSuffix(strings.TrimSpace(output), notHeld):
		return fmt.Errorf("%w before %s ran", errLost, cmd.name())
	case errors.As(err, &exit):
		return &exitError{program: cmd.name(), code: exit.ExitStatus(), output: lastLines(cause(output))}
	}
	return fmt.Errorf("%w while %s ran", errLost, cmd.name())
}

// progress is what docker compose writes while it works. Before the cause of a failure it only hides it.
var progress = regexp.MustCompile(`^\s*(?:Container|Network|Volume|Image|Config|Secret) .* (?:Creating|Created|Starting|Started|Recreate|Recreated|Restarting|Running|` +
	`Waiting|Healthy|Exited|Stopping|Stopped|Removing|Removed|Pulling|Pulled|Skipped)\s*$`)

// cause is what a program has printed, without how far it had got; all of it if there is nothing else.
func cause(output string) string {
	all := strings.Split(strings.TrimSpace(output), "\n")
	rest := slices.DeleteFunc(slices.Clone(all), progress.MatchString)
	if len(rest) == 0 {
		rest = all
	}
	return strings.Join(rest, "\n")
}

// name is how an error calls the program: docker compose up, not its twelve arguments.
func (cmd command) name() string {
	var words []string
	args := cmd.args
	if args[0] == "flock" {
		args = args[len(busy()):]
	}
	if args[0] == "sh" {
		return "sh" // what follows is a script
	}
	for _, a := range args {
		if strings.ContainsAny(a, "-/=.") && len(words) > 0 {
			continue
		}
		if words = append(words, a); len(words) == 3 {
			break
		}
	}
	return strings.Join(words, " ")
}

func (cmd command) line(dir string) string {
	args := cmd.args
	if len(cmd.env) > 0 {
		args = append(append([]string{"env"}, cmd.env...), args...)
	}
	line := quote(args)
	if !cmd.plain {
		line = "cd " + quote([]string{dir}) + " && " + line
	}
	return line
}

// quote makes one shell line of arguments in which nothing means anything to the shell.
func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+\z`)

// Typed is a line of these arguments, or one of them, that a person is to type into any shell: quoted where it has to be.
func Typed(args ...string) string {
	words := slices.Clone(args)
	for i, word := range words {
		if !plainWord.MatchString(word) {
			words[i] = quote([]string{word})
		}
	}
	return strings.Join(words, " ")
}

// maxLines is how much of a program's output an error keeps (D9).
const maxLines = 50

func lastLines(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-maxLines):], "\n")
}
