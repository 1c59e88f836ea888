package changelog

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"dagger/slipway/stages/labtest"
)

// BenchmarkHistories makes the notes of real histories; ms/1000 is the time for a thousand commits.
func BenchmarkHistories(b *testing.B) {
	for _, name := range []string{"spinnaker", "joined", "large"} {
		git := exec.Command("git", "log", "-z", "--encoding=UTF-8", "--format="+GitLogFormat, "main")
		git.Dir = filepath.Join(labtest.Histories(b), name)
		log, err := git.Output()
		if err != nil {
			b.Fatal(err)
		}
		commits, err := ParseLog(log)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%s/%d", name, len(commits)), func(b *testing.B) {
			for b.Loop() {
				commits, _ := ParseLog(log)
				Build(Input{Commits: commits}, Options{Links: github}).Markdown()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(len(commits))*1000, "ms/1000")
		})
	}
}
