package stages

import (
	"fmt"
	"time"
)

const (
	defaultHealthTimeout = "60s"
	defaultStageTimeout  = "45m"
	// minHealthTimeout is a little more than a container has to run until it is called healthy.
	minHealthTimeout = 15 * time.Second
	minStageTimeout  = time.Minute
)

// readTimes reads how long a stage may take, and by server how long a deployment waits for health; set takes what is wrong.
func (s Settings) readTimes(set func(string, error)) (stage time.Duration, health map[string]time.Duration) {
	stage, err := parseTime(orDefault(s.StageTimeout, defaultStageTimeout), minStageTimeout, "45m or 2h")
	set("stageTimeout", err)
	texts, err := perEnvironment(s.HealthTimeout, defaultHealthTimeout)
	set("healthTimeout", err)
	health = map[string]time.Duration{}
	for _, name := range []string{staging, production} {
		health[name], err = parseTime(texts[name], minHealthTimeout, "60s or 3m")
		if err == nil && stage > 0 && health[name] >= stage {
			err = fmt.Errorf("expected less than stageTimeout, in which health is waited for (%s), found %s", stage, health[name])
		}
		set("healthTimeout", err)
	}
	return stage, health
}

func parseTime(text string, least time.Duration, example string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		return 0, fmt.Errorf("expected a duration of at least %s such as %s, found %q", least, example, text)
	}
	return d, nil
}
