package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshd lets one key in and runs command lines on this machine, as OpenSSH does without a terminal.
type sshd struct {
	listener net.Listener
	config   *ssh.ServerConfig
	env      []string      // of each program
	bars     atomic.Bool   // even the one key
	sessions chan struct{} // as many as a connection may have; nil: any
	memory   string        // where programs find this machine's memory

	mu      sync.Mutex
	conns   []net.Conn
	groups  map[int]bool // process groups at work
	refuses bool
	lock    starved // what has taken the server's lock last
}

// starved is a program that gets nothing to read any more, and its end as the client is told it.
type starved struct {
	input io.Closer
	ended chan struct{}
}

func startSSHD(t testing.TB, env []string) *sshd {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	may := signer(t, "ed25519").PublicKey().Marshal()
	s := &sshd{listener: listener, memory: t.TempDir(), groups: map[int]bool{}}
	s.env = withMemory(t, env, s.memory)
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(may) || s.bars.Load() {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	s.config.AddHostKey(signer(t, "ed25519-2"))
	go s.accept()
	t.Cleanup(s.end)
	return s
}

// withMemory gives programs a folder of the test's own for this machine's memory, where a killed one leaves nothing behind.
func withMemory(t testing.TB, env []string, memory string) []string {
	t.Helper()
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in \"-d %s/\"*) set -- -d %s/slipway.XXXXXXXX ;; esac\nexec /bin/mktemp \"$@\"\n", tempDir, quote([]string{memory}))
	if err := os.WriteFile(filepath.Join(bin, "mktemp"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	env = slices.Clone(env)
	for i, e := range env {
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			env[i] = "PATH=" + bin + ":" + path
		}
	}
	return env
}

func (s *sshd) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		refused := s.refuses
		s.conns = append(s.conns, raw)
		s.mu.Unlock()
		if refused {
			raw.Close()
			continue
		}
		go s.serve(raw)
	}
}

// cut drops every connection. What runs goes on, without an end of its input that it can tell from a real one.
func (s *sshd) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// starve ends the server's lock as one for which no dots have come in its time, while the connection stays.
func (s *sshd) starve() {
	s.mu.Lock()
	lock := s.lock
	s.mu.Unlock()
	lock.input.Close()
	<-lock.ended
}

// bar lets nobody in any more.
func (s *sshd) bar() { s.bars.Store(true) }

// refuse says whether new connections are dropped at once.
func (s *sshd) refuse(refuses bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
}

// end lets what still runs clean up after itself, which takes a moment, and kills what does not.
func (s *sshd) end() {
	s.listener.Close()
	s.cut()
	s.signal(syscall.SIGTERM)
	for range 100 {
		if s.signal(0) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.signal(syscall.SIGKILL)
}

// signal tells all that runs, and how many that were.
func (s *sshd) signal(number syscall.Signal) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for group := range s.groups {
		_ = syscall.Kill(-group, number)
	}
	return len(s.groups)
}

func (s *sshd) serve(raw net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config)
	if err != nil {
		raw.Close()
		return
	}
	defer conn.Close()
	go answer(requests)
	for c := range channels {
		switch c.ChannelType() {
		case "session":
			s.open(c)
		case "direct-tcpip":
			go forward(c)
		default:
			_ = c.Reject(ssh.UnknownChannelType, "unknown channel type")
		}
	}
}

// open begins a session, unless there are as many as a connection may have.
func (s *sshd) open(c ssh.NewChannel) {
	if s.sessions != nil {
		select {
		case s.sessions <- struct{}{}:
		default:
			_ = c.Reject(ssh.ConnectionFailed, "open failed")
			return
		}
	}
	if channel, requests, err := c.Accept(); err == nil {
		go func() {
			s.session(channel, requests)
			if s.sessions != nil {
				<-s.sessions
			}
		}()
	}
}

// answer refuses every global request, which is what OpenSSH says to one that asks whether it is alive.
func answer(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

// forward is what a bastion does.
func forward(c ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	if err := ssh.Unmarshal(c.ExtraData(), &to); err != nil {
		_ = c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	raw, err := new(net.Dialer).DialContext(context.Background(), "tcp", Target{Host: to.Host, Port: int(to.Port)}.Address())
	if err != nil {
		_ = c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer raw.Close()
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(raw, channel); raw.Close() }()
	_, _ = io.Copy(channel, raw)
}

func (s *sshd) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	group, told := 0, make(chan struct{})
	for r := range requests {
		ok := false
		switch text := textOf(r.Payload); {
		case r.Type == "exec" && group == 0:
			group = s.start(channel, text, told)
			ok = group != 0
		case r.Type == "signal" && group != 0:
			number, known := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[text]
			ok = known && syscall.Kill(-group, number) == nil
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if r.Type == "exec" && ok {
			close(told)
		}
	}
}

// textOf is the one string of a request.
func textOf(payload []byte) string {
	var request struct{ Text string }
	_ = ssh.Unmarshal(payload, &request)
	return request.Text
}

// start runs a line by the shell, in a process group of its own, and returns that. How it ends is told after the client was
// told that it has begun: a short program is faster than the answer.
func (s *sshd) start(channel ssh.Channel, line string, told <-chan struct{}) int {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env, cmd.Dir = s.env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	for _, e := range s.env {
		if home, ok := strings.CutPrefix(e, "HOME="); ok {
			cmd.Dir = home
		}
	}
	input, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		channel.Close()
		return 0
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.groups[cmd.Process.Pid] = true
	if strings.Contains(line, "flock --nonblock") {
		s.lock = starved{input, ended}
	}
	s.mu.Unlock()
	go func() { _, _ = io.Copy(input, channel); input.Close() }()
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		<-told
		s.mu.Lock()
		delete(s.groups, cmd.Process.Pid)
		s.mu.Unlock()
		how := cmd.ProcessState.Sys().(syscall.WaitStatus)
		code := how.ExitStatus()
		if how.Signaled() {
			code = 128 + int(how.Signal()) // which is also what the client makes of the signal's name
		}
		_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(code)))
		channel.Close()
	}()
	return cmd.Process.Pid
}
