package changelog

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// GitLogFormat is for `git log -z --format=`. Git prints no NUL from a name or message, so the count of fields is certain.
const GitLogFormat = "%H%x00%P%x00%an%x00%ae%x00%ct%x00%B"

const logFields = 6

var hashPattern = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// ParseLog reads what `git log -z` prints with GitLogFormat. Bytes that are not UTF-8 become U+FFFD.
func ParseLog(log []byte) ([]Commit, error) {
	if len(log) == 0 {
		return nil, nil
	}
	fields := bytes.Split(log, []byte{0})
	// Git ends each record with a NUL, or only separates them (format:); the remainder tells which.
	if len(fields)%logFields == 1 && len(fields[len(fields)-1]) == 0 {
		fields = fields[:len(fields)-1]
	}
	if len(fields)%logFields != 0 {
		return nil, fmt.Errorf("git log: expected records of %d NUL-separated fields, found %d fields in all: run git log -z with GitLogFormat", logFields, len(fields))
	}
	commits := make([]Commit, 0, len(fields)/logFields)
	for at := 0; at < len(fields); at += logFields {
		commit, err := parseCommit(fields[at : at+logFields])
		if err != nil {
			return nil, fmt.Errorf("git log: record %d: %w", at/logFields+1, err)
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

func parseCommit(fields [][]byte) (Commit, error) {
	text := make([]string, logFields)
	for i, field := range fields {
		text[i] = strings.ToValidUTF8(string(field), "\uFFFD")
	}
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
