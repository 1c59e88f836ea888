package changelog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitLogFormat is for `git log -z --format=`. Git prints no NUL from a name or message, so the count of fields is certain.
const GitLogFormat = "%H%x00%P%x00%an%x00%ae%x00%ct%x00%B"

const logFields = 6

var hashPattern = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// PriorFormat is for `git log -z --format=` over the history before, of which only the authors and co-authors are wanted.
const PriorFormat = "%an%x00%ae%x00%(trailers:key=Co-authored-by)"

const priorFields = 3

// ParsePrior reads what `git log -z` prints with PriorFormat: each person once, the newest first, and never nil.
func ParsePrior(log []byte) ([]Person, error) {
	records, err := split(log, priorFields, "PriorFormat")
	if err != nil {
		return nil, err
	}
	prior := []Person{}
	seen := make(map[Person]bool)
	for _, text := range records {
		for _, who := range append([]Person{{Name: text[0], Email: text[1]}}, Commit{Body: text[2]}.coAuthors()...) {
			if !seen[who] {
				seen[who] = true
				prior = append(prior, who)
			}
		}
	}
	return prior, nil
}

// split cuts a log into records of fields. Bytes that are not UTF-8 become U+FFFD.
func split(log []byte, size int, format string) (records [][]string, err error) {
	if len(log) == 0 {
		return nil, nil
	}
	fields := strings.Split(string(log), "\x00")
	// Git ends each record with a NUL, or only separates them (format:); the remainder tells which.
	if len(fields)%size == 1 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	if len(fields)%size != 0 {
		return nil, fmt.Errorf("git log: expected records of %d NUL-separated fields, found %d fields in all: run git log -z with %s", size, len(fields), format)
	}
	for i, field := range fields {
		fields[i] = strings.ToValidUTF8(field, "\uFFFD")
	}
	return slices.Collect(slices.Chunk(fields, size)), nil
}

// ParseLog reads what `git log -z` prints with GitLogFormat.
func ParseLog(log []byte) ([]Commit, error) {
	records, err := split(log, logFields, "GitLogFormat")
	if err != nil || len(records) == 0 {
		return nil, err
	}
	commits := make([]Commit, 0, len(records))
	for at, text := range records {
		commit, err := parseCommit(text)
		if err != nil {
			return nil, fmt.Errorf("git log: record %d: %w", at+1, err)
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

func parseCommit(text []string) (Commit, error) {
	when, err := parseTime(text[4])
	if err != nil {
		return Commit{}, err
	}
	subject, body := splitMessage(text[5])
	commit := Commit{
		Hash: text[0], Parents: strings.Fields(text[1]), Time: when,
		Author:  Person{Name: text[2], Email: text[3]},
		Subject: subject, Body: body,
	}
	return commit, checkHashes(commit)
}

func checkHashes(c Commit) error {
	for _, hash := range append([]string{c.Hash}, c.Parents...) {
		if !hashPattern.MatchString(hash) {
			return fmt.Errorf("expected a commit hash of 40 or 64 hexadecimal digits, found %.80q: run git log -z with GitLogFormat and without other output", hash)
		}
	}
	return nil
}

// parseTime accepts an empty field, which is what git prints for a commit with a broken date.
func parseTime(seconds string) (time.Time, error) {
	if seconds == "" {
		return time.Time{}, nil
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("expected seconds since 1970, found %.80q: run git log -z with GitLogFormat", seconds)
	}
	return time.Unix(unix, 0).UTC(), nil
}

// splitMessage takes the first line alone as subject, so that a footer right below it still starts a line.
func splitMessage(message string) (subject, body string) {
	message = strings.ReplaceAll(message, "\r\n", "\n")
	subject, body, _ = strings.Cut(strings.TrimLeft(message, "\n"), "\n")
	return strings.TrimSpace(subject), strings.Trim(body, "\n")
}
