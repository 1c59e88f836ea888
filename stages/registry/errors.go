package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/retry"
)

// absent reports whether the registry said definitely that the repository or manifest does not exist. A 404 without
// the registry's own code may come from anything between here and there.
func absent(err error, repo name.Repository) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound || answer.Request == nil ||
		!strings.HasPrefix(answer.Request.URL.Path, "/v2/"+repo.RepositoryStr()+"/") {
		return false
	}
	return slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool {
		switch d.Code {
		case transport.NameUnknownErrorCode, transport.ManifestUnknownErrorCode, "NOT_FOUND": // the last one is Harbor's
			return true
		}
		return false
	})
}

// fail turns an error of the library into one that says what to do and holds no secret.
func (c *Client) fail(what string, err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return fmt.Errorf("%s: %w", what, end)
		}
	}
	return fmt.Errorf("%s: %s", what, c.secrets.Replace(reason(err)))
}

func reason(err error) string {
	var answer *transport.Error
	var wait *retry.WaitError
	switch {
	case errors.As(err, &answer):
		return "the registry answered " + answered(answer) + hint(answer)
	case errors.As(err, &wait):
		return wait.Error()
	}
	return "no usable answer: " + plain(redact.URLs(err.Error()))
}

// answered gives status, codes and messages. Bodies of another form are left out: they may hold anything.
func answered(answer *transport.Error) string {
	text := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	var details []string
	for _, d := range answer.Errors {
		details = append(details, strings.TrimSuffix(fmt.Sprintf("%s: %s", d.Code, d.Message), ": "))
	}
	if len(details) > 0 {
		text += " (" + plain(strings.Join(details, "; ")) + ")"
	}
	return text
}

func hint(answer *transport.Error) string {
	switch status := answer.StatusCode; {
	case forbids(answer):
		return ": either registryUser and registryToken do not permit this, or the repository does not exist and the " +
			"registry does not say so; correct the credentials or create the repository"
	case status == http.StatusNotFound && len(answer.Errors) == 0:
		return ": this is no registry's way to say that an image does not exist; check the registry's address"
	case retry.Temporary(status):
		return ", again and again: run the same command when it has recovered"
	}
	return ""
}

const longestDetail = 400

// plain keeps the first line, without what a terminal would obey, at a length fit for an error message.
func plain(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	runes := []rune(redact.OneLine(line))
	if len(runes) > longestDetail {
		runes = append(runes[:longestDetail], '…')
	}
	return string(runes)
}
