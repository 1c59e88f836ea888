package stages

import (
	"fmt"
	"regexp"
	"strings"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/report"
)

// cosignError is what a message of cosign means.
type cosignError struct {
	said *regexp.Regexp
	what string
	next string
	away bool // for now, as far as anybody knows
}

// cosignErrors are told by what cosign v3 prints; the first that fits is taken.
var cosignErrors = []cosignError{
	{regexp.MustCompile(`decryption failed`),
		"signingPassword does not open signingKey", "set signingPassword to the password that the key was made with", false},
	{regexp.MustCompile(`invalid pem block|unsupported pem type`),
		"cosign cannot read signingKey", "give the whole text of a file that cosign generate-key-pair or cosign import-key-pair has written", false},
	{regexp.MustCompile(`get credentials|could not find default credentials|(VAULT|BAO)_(ADDR|TOKEN)|could not find "GITLAB_TOKEN"|in-cluster configuration|DefaultAzureCredential`),
		"the key service got no credentials", "write those that it asks for as lines NAME=value under the reference in signingKey", false},
	{regexp.MustCompile(`(?i)AccessDenied|PermissionDenied|permission denied|403 Forbidden`),
		"the key service refuses to sign", "let these credentials read the public key and sign with it", false},
	{regexp.MustCompile(`kms|KMS|unrecognized scheme|/keys/`),
		"the key service did not answer", "see the reference in signingKey, and that the engine reaches the service", true},
	{regexp.MustCompile(`no matching service found|device flow|requires IDToken|retrieving ID token`),
		"cosign was given no identity token", "see the setting identityToken", false},
	{regexp.MustCompile(`Fulcio returned 40[013]|unable to get subject from identity token`),
		"Sigstore refused the identity token", "it has to be of an issuer that this Sigstore knows, for the audience " + sigstoreAudience + ", and not have expired", false},
	{regexp.MustCompile(`(?i)fulcio|signingCert`),
		"the certificate authority of Sigstore (Fulcio) did not answer as expected", "see that the engine reaches it, and run the same line again", true},
	{regexp.MustCompile(`(?i)timestamp`),
		"the timestamp authority of Sigstore did not answer as expected", "see that the engine reaches it, and run the same line again", true},
	{regexp.MustCompile(`(?i)rekor|tlog|/api/v1/log/`),
		"the log of Sigstore (Rekor) did not answer as expected", "see that the engine reaches it, and run the same line again", true},
	{regexp.MustCompile(`TUF|tuf|trusted root|signing config`),
		"what Sigstore says about itself could not be read", "see that the engine reaches tuf-repo-cdn.sigstore.dev, or the setting sigstore", true},
}

// cosignFailed puts into words of our own why cosign ended as it did; what it said itself comes below.
func cosignFailed(code int, said string) *failure {
	reason := cosignReason(said)
	f := &failure{
		err: fmt.Errorf("cosign ended with %s: %s", gate.ExitText(code), reason), outcome: report.RefusedState, ending: report.Broken,
		next: "see what cosign says", output: redact.URLs(lastLines(said)), dry: isNotKnown,
	}
	for _, e := range cosignErrors {
		if e.said.MatchString(reason) {
			f.err, f.next = fmt.Errorf("%s (cosign: %s)", e.what, reason), e.next
			if !e.away {
				f.ending, f.dry = report.Failed, isListed
			}
			break
		}
	}
	return f
}

// cosignReason is the line of the error, which cosign prints twice and after its warnings.
func cosignReason(said string) string {
	for line := range strings.Lines(said) {
		if reason, ok := strings.CutPrefix(line, "Error: "); ok {
			return redact.URLs(strings.TrimSpace(reason))
		}
	}
	return redact.URLs(lastLine(said))
}
