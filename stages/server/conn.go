package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
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
	target Target
	client *ssh.Client
	gone   chan struct{} // closed with the connection
}

// Connect logs in. A server whose key is not the known one is refused before anything of ours is sent to it.
func Connect(ctx context.Context, t Target, l Login) (*Conn, error) {
	verify, algorithms, err := l.hostKeys(t)
	if err != nil {
		return nil, err
	}
	auth, err := l.auth()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address())
	if err != nil {
		return nil, fmt.Errorf("no connection to %s: %w", t.Address(), err)
	}
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline)
	conn, channels, requests, err := ssh.NewClientConn(raw, t.Address(), &ssh.ClientConfig{
		User: t.User, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: verify, HostKeyAlgorithms: algorithms,
	})
	if err != nil {
		raw.Close()
		return nil, loginError(t, err)
	}
	_ = raw.SetDeadline(time.Time{})
	c := &Conn{target: t, client: ssh.NewClient(conn, channels, requests), gone: make(chan struct{})}
	go func() { _ = c.client.Wait(); close(c.gone) }()
	go c.keepAlive()
	return c, nil
}

func loginError(t Target, err error) error {
	var host *HostKeyError
	switch {
	case errors.As(err, &host):
		return host
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return &HostKeyError{Address: t.Address(), Changed: true, Found: "of another kind"}
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%s does not let %s in with this key: add its public half to ~/.ssh/authorized_keys there", t.Address(), t.User)
	}
	return fmt.Errorf("no SSH connection to %s: %w", t.Address(), err)
}

// Close ends the connection, and with it the lock.
func (c *Conn) Close() { c.client.Close() }

// keepAlive finds out that the server is gone, which a silent network never tells.
func (c *Conn) keepAlive() {
	for missed := 0; missed < aliveTries; {
		select {
		case <-c.gone:
			return
		case <-time.After(aliveEvery):
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
		case <-time.After(aliveEvery):
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
	plain bool // not in the application's folder
}

// exitError is a program on the server that ended badly.
type exitError struct {
	program string
	code    int
	output  string // what it printed, its end
}

func (e *exitError) Error() string {
	return fmt.Sprintf("%s on the server ended with exit code %d: %s", e.program, e.code, e.output)
}

// run runs a program in the application's folder and returns what it printed. The server's shell gets one quoted line,
// because SSH knows no argument lists.
func (c *Conn) run(ctx context.Context, cmd command) (string, error) {
	session, err := c.client.NewSession()
	if err != nil {
		return "", errLost
	}
	defer session.Close()
	var stdout, stderr bytes.Buffer
	session.Stdout, session.Stderr, session.Stdin = &stdout, &stderr, cmd.stdin
	ended := make(chan error, 1)
	go func() { ended <- session.Run(cmd.line(c.target.Dir)) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return stdout.String(), runError(cmd, err, stdout.String()+stderr.String())
}

func runError(cmd command, err error, output string) error {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &exitError{program: cmd.name(), code: exit.ExitStatus(), output: lastLines(strings.TrimSpace(output))}
	}
	return fmt.Errorf("%w while %s ran", errLost, cmd.name())
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

// typed is one argument of a line that a person is to type, quoted where it has to be.
func typed(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return quote([]string{text})
}

// maxLines is how much of a program's output an error keeps (D9).
const maxLines = 50

func lastLines(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-maxLines):], "\n")
}
