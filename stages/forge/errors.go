package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/retry"
)

// right is what a token needs for a request.
type right int

const (
	toWrite right = iota
	toRead
	toReadIssues
	toReadPulls
	toPropose
	toDeploy
	toSign
)

// rights are their names on the pages where tokens are made.
var rights = map[Kind]map[right]string{
	GitHub: {
		toWrite:      `the permission "Contents: write" (a classic token: the scope repo)`,
		toRead:       `the permission "Contents: read" (a classic token: the scope repo)`,
		toReadIssues: `the permission "Issues: read" (a classic token: the scope repo)`,
		toReadPulls:  `the permission "Pull requests: read" (a classic token: the scope repo)`,
		toPropose:    `the permission "Pull requests: write" (a classic token: the scope repo)`,
		toDeploy:     `the permission "Deployments: write" (a classic token: the scope repo)`,
		toSign:       `the permissions "Issues: write" and "Pull requests: write" (a classic token: the scope repo)`,
	},
	Gitea: {
		toWrite:      "the scope write:repository, of a user who may write to the repository",
		toRead:       "the scope read:repository",
		toReadIssues: "the scope read:issue",
		toReadPulls:  "the scope read:repository",
		toPropose:    "the scope write:repository",
		toSign:       "the scope write:issue, of a user who may write to the repository",
	},
	GitLab: {
		toWrite:      "the scope api and at least the role Developer",
		toRead:       "the scope read_api or api",
		toReadIssues: "the scope read_api or api",
		toReadPulls:  "the scope read_api or api",
		toPropose:    "the scope api and at least the role Developer",
		toDeploy:     "the scope api and at least the role Developer, or more where the environment is protected",
		toSign:       "the scope api and at least the role Developer",
	},
}

// answerError is an answer that says no.
type answerError struct {
	status int
	wait   time.Duration // what it asks for
	text   string
}

// Error implements error.
func (e *answerError) Error() string { return e.text }

// statusOf is the status of the answer behind an error, 0 if there was none.
func statusOf(err error) int {
	var e *answerError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}

func askedToWait(err error) time.Duration {
	var e *answerError
	if errors.As(err, &e) {
		return e.wait
	}
	return 0
}

// conflict says that the forge refused because of what is there already.
func conflict(err error) bool {
	status := statusOf(err)
	return status == http.StatusConflict || status == http.StatusUnprocessableEntity
}

// doubtful says that the thing may be there in spite of the error.
func doubtful(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	status := statusOf(err)
	return status == 0 || conflict(err) || retry.Temporary(status)
}

// refused is the error for an answer outside 2xx.
func (c *client) refused(q call, resp *http.Response, body []byte) error {
	text := fmt.Sprintf("%s: %s answered %d", c.about(q), c.repo.Kind, resp.StatusCode)
	if name := http.StatusText(resp.StatusCode); name != "" {
		text += " " + name
	}
	said := detail([]byte(c.secrets.Replace(string(body)))) // masked before it is cut, so that no half of a token stays
	if said != "" {
		text += " (" + said + ")"
	}
	wait, _ := retryAfter(resp.Header, c.clock.Now())
	return &answerError{resp.StatusCode, wait, text + c.hint(q, resp.StatusCode, said)}
}

// about is what was to be done, and where.
func (c *client) about(q call) string { return q.what + " at " + c.repo.Web }

func (c *client) hint(q call, status int, said string) string {
	need := rights[c.repo.Kind][q.right]
	switch {
	case strings.Contains(said, "immutable release"):
		return ": nobody can change that any more, use the next patch version"
	case status == http.StatusUnauthorized && c.token == "", status == http.StatusNotFound && c.token == "":
		return ": forgeToken is not set; set it to a token with " + need
	case status == http.StatusUnauthorized:
		return ": forgeToken is wrong or has expired; set it to one with " + need
	case status == http.StatusForbidden:
		return ": forgeToken does not permit this; it needs " + need
	case status == http.StatusNotFound:
		return ": it does not exist or forgeToken may not see it; check repository, and that forgeToken has " + need
	case status/100 == 3:
		return ": the repository has moved; set repository to its present address"
	case retry.Temporary(status):
		return ", again and again: run the same command when it has recovered"
	}
	return ""
}

// fail is the error for a request without an answer.
func (c *client) fail(q call, err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return fmt.Errorf("%s: %w", c.about(q), end)
		}
	}
	var wait *retry.WaitError
	if errors.As(err, &wait) {
		return &answerError{wait.Status, wait.Wait, c.about(q) + ": " + wait.Error()}
	}
	text := redact.URLs(err.Error())
	return errors.New(c.about(q) + ": " + plain(c.secrets.Replace(text)))
}

// detail is what a forge gives as its reason. Answers of another form are left out: they may hold anything.
func detail(body []byte) string {
	var said struct {
		Message     any `json:"message"`
		Error       any `json:"error"`
		Description any `json:"error_description"`
		Errors      any `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var parts []string
	for _, part := range []any{said.Message, said.Error, said.Description, said.Errors} {
		if text := flat(part); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return plain(strings.Join(parts, "; "))
}

// flat writes a reason in one line, whichever of the many forms it has.
func flat(value any) string {
	var parts []string
	switch v := value.(type) {
	case nil:
	case []any:
		for _, item := range v {
			parts = append(parts, flat(item))
		}
	case map[string]any:
		for key, item := range v {
			parts = append(parts, key+" "+flat(item))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, "; ")
}

const longestDetail = 300

// plain joins lines, and keeps what is fit for an error message.
func plain(text string) string {
	runes := []rune(redact.OneLine(text))
	if len(runes) > longestDetail {
		runes = append(runes[:longestDetail], '…')
	}
	return string(runes)
}
