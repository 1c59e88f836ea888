package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestJobsEndOfSilence: a program may take any time, as long as it prints or computes.
func TestJobsEndOfSilence(t *testing.T) {
	before := silence
	silence = 1500 * time.Millisecond
	t.Cleanup(func() { silence = before })
	for name, c := range map[string]struct {
		script string
		ends   bool
	}{
		"one that prints":                     {`for i in 1 2 3 4 5 6; do echo step; sleep 0.5; done`, true},
		"one whose child computes":            {`timeout 3 sh -c 'while :; do :; done'; true`, true},
		"one that waits for what never comes": {`echo 'compiling trivy'; sleep 30`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, start := newTestLab(t), time.Now()
			err := l.runJob(context.Background(), job{log: "job", args: []string{"sh", "-c", c.script}})
			took := time.Since(start)
			switch {
			case c.ends && (err != nil || took < 2*silence):
				t.Errorf("%v after %s, expected it to end by itself", err, took)
			case c.ends:
			case err == nil || took > 10*time.Second:
				t.Errorf("%v after %s, expected it to be ended", err, took)
			case !strings.Contains(err.Error(), "printed nothing and computed nothing") || !strings.Contains(err.Error(), "compiling trivy"):
				t.Errorf("it says %q", err)
			}
		})
	}
}
