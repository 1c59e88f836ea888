package gitremote

import (
	"errors"
	"strings"
	"testing"
)

func TestMayPass(t *testing.T) {
	for output, want := range map[string]bool{
		"fatal: unable to access 'http://x/': The requested URL returned error: 503":                         true,
		"error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502":                          true,
		"fatal: unable to access 'http://x/': The requested URL returned error: 429":                         true,
		"fatal: unable to access 'http://x/': Empty reply from server":                                       true,
		"fatal: unable to access 'http://x/': Failed to connect to x port 80 after 0 ms: Connection refused": true,
		"fatal: the remote end hung up unexpectedly":                                                         true,
		"remote: error: cannot lock ref 'refs/slipway/lock': Unable to create '/x/lock.lock': File exists.":  true,
		"fatal: unable to access 'http://x/': The requested URL returned error: 403":                         false,
		"fatal: Authentication failed for 'http://x/'":                                                       false,
		"fatal: repository 'http://x/' not found":                                                            false,
		" ! [rejected]        main -> main (non-fast-forward)":                                               false,
		"fatal: the remote end hung up unexpectedly\n ! [rejected]        v1 -> v1 (already exists)":         false,
		"": false,
	} {
		t.Run(output, func(t *testing.T) {
			for kind, explain := range map[string]func(string, error) error{"read": explainRead, "push": explainPush} {
				if got := temporary(explain("http://x/", printed(output))); got != want {
					t.Errorf("%s: got %v", kind, got)
				}
			}
		})
	}
}

func TestExplainPush(t *testing.T) {
	for output, want := range map[string]struct{ text, next string }{
		" ! [rejected] main -> main (non-fast-forward)":                            {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		" ! [rejected] main -> main (fetch first)":                                 {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		" ! [rejected] v1.2.3 -> v1.2.3 (already exists)":                          {"did not take the push: the tag is there already", "git fetch --tags"},
		" ! [rejected] a -> refs/slipway/lock (stale info)":                        {"did not take the push: somebody else was faster", "run the same line again"},
		"remote: error: cannot lock ref 'refs/heads/main': is at 1 but expected 2": {"did not take the push: the branch has moved on the remote", "git pull --ff-only"},
		"remote: error: cannot lock ref 'refs/tags/v1': reference already exists":  {"did not take the push: the tag is there already", "git fetch --tags"},
		"remote: error: GH006: Protected branch update failed":                     {"did not take the push: the branch or tag is protected", "bump and a pull request"},
		"remote: error: GH013: Repository rule violations found":                   {"did not take the push: the branch or tag is protected", "bump and a pull request"},
		"remote: You are not allowed to push code to protected branches":           {"did not take the push: the branch or tag is protected", "bump and a pull request"},
		" ! [remote rejected] main -> main (pre-receive hook declined)":            {"did not take the push: the server's rules do not allow it", "bump and a pull request"},
		"fatal: Authentication failed for 'http://x/'":                             {"does not accept the forgeToken", "read and write"},
		"fatal: unable to access 'http://x/': Connection refused":                  {"cannot be read: fatal: unable to access", "can be reached"},
		"something nobody knows":                                                   {"did not take the push: the push was refused", "see what the server says above"},
	} {
		t.Run(output, func(t *testing.T) {
			var e *Error
			if err := explainPush("http://x/", printed(output)); !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(e.Error(), want.text) || !strings.Contains(e.Next, want.next) || e.Output != output {
				t.Errorf("got %q, next %q, output %q", e.Error(), e.Next, e.Output)
			}
		})
	}
}

// TestExplainWithoutOutput: what is no command's failure still says what happened.
func TestExplainWithoutOutput(t *testing.T) {
	for kind, explain := range map[string]func(string, error) error{"read": explainRead, "push": explainPush} {
		err := explain("http://x/", errMasked)
		if err.Error() != "the git remote http://x/ cannot be read: the engine is gone" || !errors.Is(err, errMasked) {
			t.Errorf("%s: got %q", kind, err)
		}
	}
}
