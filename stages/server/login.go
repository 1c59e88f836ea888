package server

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Login is how one proves who one is, and how the server does.
type Login struct {
	Keys       string                                  // private keys, PEM or OpenSSH form, one after another
	Agent      func(context.Context) (net.Conn, error) // an SSH agent; nil without one
	KnownHosts string                                  // lines of a known_hosts file
	Bastion    Target                                  // the host between; empty: there is none
}

// agentTime is for the agent's answers, behind which may stand a person who is asked. Tests have less of it.
var agentTime = connectTime

// auth offers the keys that were set and no other. What it returns to be closed is used until the login is over.
func (l Login) auth(ctx context.Context) (ssh.AuthMethod, io.Closer, error) {
	if l.Keys != "" {
		signers, err := parseKeys(l.Keys)
		return ssh.PublicKeys(signers...), io.NopCloser(nil), err
	}
	if l.Agent == nil {
		return nil, nil, errors.New("neither sshKey nor sshAgent is set: one of them opens the server")
	}
	conn, err := l.Agent(ctx)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(agentTime))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the SSH agent does not answer: %w", err)
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), conn, nil
}

func parseKeys(text string) ([]ssh.Signer, error) {
	var signers []ssh.Signer
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		signer, err := ssh.ParsePrivateKey(pem.EncodeToMemory(block))
		if missing := new(ssh.PassphraseMissingError); errors.As(err, &missing) || block.Type == "ENCRYPTED PRIVATE KEY" {
			return nil, errors.New("sshKey is locked by a passphrase: set a key without one, or use sshAgent")
		}
		if err != nil {
			return nil, errors.New("sshKey is not a private key that OpenSSH can read")
		}
		signers = append(signers, signer)
	}
	if len(signers) == 0 {
		return nil, errors.New("sshKey holds no private key: expected -----BEGIN ... PRIVATE KEY----- and what follows")
	}
	return signers, nil
}

// HostKeyError is a server that is not the one whose key is known. No key of ours was offered to it.
type HostKeyError struct {
	Address string
	Changed bool // another key is known, so that somebody may stand in between
	Found   string
}

func (e *HostKeyError) Error() string {
	if e.Changed {
		return fmt.Sprintf("%s has answered with another host key (%s) than knownHosts says: if the server was made anew, replace its line; if not, somebody stands in between", e.Address, e.Found)
	}
	return fmt.Sprintf("the host key of %s is not in knownHosts: it has answered with %s; compare that with the server's own, then add the output of ssh-keyscan", e.Address, e.Found)
}

// hostKeys checks the server's key, and asks for the kinds of key that are known: a server has several, and offers the
// one that the client likes best.
func (l Login) hostKeys(t Target) (ssh.HostKeyCallback, []string, error) {
	if strings.TrimSpace(l.KnownHosts) == "" {
		return nil, nil, fmt.Errorf("knownHosts is not set: without it nobody knows whether %s is the right server; add the output of ssh-keyscan after comparing it", t.Host)
	}
	check, err := parseKnownHosts(l.KnownHosts)
	if err != nil {
		return nil, nil, err
	}
	verify := func(address string, remote net.Addr, key ssh.PublicKey) error {
		err := check(address, remote, key)
		var wrong *knownhosts.KeyError
		if errors.As(err, &wrong) {
			return &HostKeyError{Address: address, Changed: len(wrong.Want) > 0, Found: ssh.FingerprintSHA256(key)}
		}
		return err
	}
	return verify, knownAlgorithms(check, t), nil
}

func parseKnownHosts(text string) (ssh.HostKeyCallback, error) {
	f, err := os.CreateTemp("", "known_hosts")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(text); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	check, err := knownhosts.New(f.Name())
	if err != nil {
		return nil, fmt.Errorf("knownHosts is not in the form of a known_hosts file: %s", strings.TrimPrefix(err.Error(), "knownhosts: "+f.Name()+":"))
	}
	return check, nil
}

// knownAlgorithms asks about a key that nobody has: the answer lists those that are known.
func knownAlgorithms(check ssh.HostKeyCallback, t Target) []string {
	var wrong *knownhosts.KeyError
	if !errors.As(check(t.Address(), &net.TCPAddr{IP: net.IPv4zero}, noKey{}), &wrong) {
		return nil
	}
	var algorithms []string
	for _, known := range wrong.Want {
		if known.Key.Type() == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			algorithms = append(algorithms, known.Key.Type())
		}
	}
	return algorithms
}

type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
