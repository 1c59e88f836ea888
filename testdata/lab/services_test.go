package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestWaitEndsWithSilence: a service may take any time until it answers, as long as it does something.
func TestWaitEndsWithSilence(t *testing.T) {
	minuteBefore, silenceBefore, progressBefore := minute, silence, progress
	minute, silence, progress = 100*time.Millisecond, time.Second, lines(make(chan string, 1000))
	t.Cleanup(func() { minute, silence, progress = minuteBefore, silenceBefore, progressBefore })
	for name, c := range map[string]struct {
		script  string
		answers time.Duration
		want    string // of the error
	}{
		"one that takes longer than silence may": {`while :; do :; done`, 3 * time.Second, ""},
		"one that has given up":                  {`echo 'waiting for what never comes'; sleep 30`, time.Hour, "never comes"},
		"one that has ended":                     {`echo 'no such port'; exit 1`, time.Hour, "no such port"},
		"one that has ended without a word":      {`exit 3`, time.Hour, "the process has ended: exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			l, start := newTestLab(t), time.Now()
			s := service{
				name: "slow", where: "nowhere",
				run: func(*lab) (*exec.Cmd, error) { return exec.Command("sh", "-c", c.script), nil },
				ready: func(context.Context, *lab) error {
					if time.Since(start) < c.answers {
						return errors.New("refused")
					}
					return nil
				},
			}
			err := l.start(context.Background(), s)
			if r, up := l.running(s.name); up {
				if err := stop(r); err != nil {
					t.Error(err)
				}
			}
			switch {
			case time.Since(start) > 20*time.Second:
				t.Errorf("it took %s: %v", time.Since(start), err)
			case c.want == "" && err != nil:
				t.Errorf("expected it to wait, got %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("expected %q in the error, got %v", c.want, err)
			}
		})
	}
}
