package stages

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
)

// sigstoreAudience is whom an identity token has to be made for.
const sigstoreAudience = "sigstore"

// readIdentity is the way to an identity token; nil if the job has none.
func (r *Run) readIdentity(ctx context.Context) (func(context.Context) (string, error), error) {
	token, err := secretText(ctx, r.config.IdentityToken, "identityToken")
	if err != nil {
		return nil, err
	}
	address, err := secretText(ctx, r.config.IDTokenRequestURL, "idTokenRequestUrl")
	if err != nil {
		return nil, err
	}
	credential, err := secretText(ctx, r.config.IDTokenRequestToken, "idTokenRequestToken")
	if err != nil {
		return nil, err
	}
	for _, secret := range []string{token, address, credential} {
		r.hide("", secret)
	}
	switch {
	case (address == "") != (credential == ""):
		return nil, errors.New("expected both of idTokenRequestUrl and idTokenRequestToken, found one of them: set both, or none")
	case token != "":
		return func(context.Context) (string, error) { return token, nil }, nil
	case address == "":
		return nil, nil
	}
	client := &http.Client{Transport: &retry.Transport{Base: http.DefaultTransport}}
	return func(ctx context.Context) (string, error) { return requestToken(ctx, client, address, credential) }, nil
}

// requestToken asks GitHub for a token of the job. Errors quote no address: it is the job's own.
func requestToken(ctx context.Context, client *http.Client, address, credential string) (string, error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" {
		return "", errors.New("the secret idTokenRequestUrl is no address: set it to env://ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	query := at.Query()
	query.Set("audience", sigstoreAudience)
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", errors.New("the secret idTokenRequestUrl is no address: set it to env://ACTIONS_ID_TOKEN_REQUEST_URL")
	}
	request.Header.Set("Authorization", "bearer "+credential)
	response, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return "", fmt.Errorf("the CI gave no identity token: %w", err)
	}
	defer response.Body.Close()
	var answer struct{ Value string }
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&answer) != nil || answer.Value == "" {
		return "", fmt.Errorf("the CI gave no identity token, and answered %s: the job needs the permission id-token: write", response.Status)
	}
	return answer.Value, nil
}

// claims are what a token says; who made it, Sigstore sees to.
type claims struct {
	Issuer      string          `json:"iss"`
	Subject     string          `json:"sub"`
	Audience    json.RawMessage `json:"aud"` // one, or several
	Expires     int64           `json:"exp"`
	Email       string          `json:"email"`
	WorkflowRef string          `json:"job_workflow_ref"`  // GitHub
	ConfigRef   string          `json:"ci_config_ref_uri"` // GitLab
	CircleCI    string          `json:"oidc.circleci.com/pipeline-definition-id"`
	Project     string          `json:"oidc.circleci.com/project-id"`
}

// identityOf reads who a token is of, as Sigstore will write it down.
func identityOf(token string) (report.Signed, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return report.Signed{}, errors.New("the identity token is no JSON web token: expected three parts with dots between them")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	if err != nil || json.Unmarshal(text, &c) != nil || c.Issuer == "" {
		return report.Signed{}, errors.New("the identity token is no JSON web token: its second part says no issuer")
	}
	if found := c.audiences(); !slices.Contains(found, sigstoreAudience) {
		return report.Signed{}, fmt.Errorf("the identity token is for %s, expected the audience %s: ask the CI for one with it", strings.Join(found, ", "), sigstoreAudience)
	}
	if end := time.Unix(c.Expires, 0).UTC(); !time.Now().Before(end) {
		return report.Signed{}, fmt.Errorf("the identity token has expired at %s: run it in a job whose token lives as long as the job", end.Format(time.DateTime))
	}
	return report.Signed{Identity: c.identity(), Issuer: c.Issuer}, nil
}

func (c claims) audiences() (all []string) {
	if json.Unmarshal(c.Audience, &all) == nil {
		return all
	}
	var one string
	if json.Unmarshal(c.Audience, &one) != nil || one == "" {
		return []string{"nobody"}
	}
	return []string{one}
}

// identity is the name in the certificate: Fulcio's rules for the CIs that the public one knows.
func (c claims) identity() string {
	switch {
	case c.WorkflowRef != "":
		return "https://github.com/" + c.WorkflowRef
	case c.ConfigRef != "":
		return "https://" + c.ConfigRef
	case c.CircleCI != "":
		return "https://circleci.com/api/v2/projects/" + c.Project + "/pipeline-definitions/" + c.CircleCI
	}
	return orDefault(c.Email, c.Subject)
}
