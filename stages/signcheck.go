package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
)

// checker asks cosign whether signatures are right: by the key or the identity of the settings, and nobody else's.
type checker struct {
	run *Run
	how []string // what cosign is told of whom to expect
	c   *dagger.Container
}

// checker is nil if it is not known who has to have signed.
func (r *Run) checker(ctx context.Context) (*checker, error) {
	how, files, err := r.signatureArguments()
	if err != nil || how == nil {
		return nil, err
	}
	k := &checker{run: r, how: how, c: r.cosign()}
	for _, name := range sortedKeys(files) {
		k.c = k.c.WithNewFile(name, files[name])
	}
	if keyService.MatchString(r.config.VerifyKey) {
		key, err := r.readSigningKey(ctx)
		if err != nil {
			return nil, refuseInput(err)
		}
		if key != nil { // its credentials open the service
			k.c = key.give(r, k.c)
		}
	}
	return k, nil
}

// signatureArguments are cosign's arguments for who has to have signed, and the files that they name; nothing if that is not known.
func (r *Run) signatureArguments() (how []string, files map[string]string, err error) {
	named := orDefault(r.config.VerifyKey, defaultVerifyKey)
	public, there := r.source.files[named]
	byKey := func(key string) []string {
		return []string{"--key", key, "--insecure-ignore-tlog", "--trusted-root", trustedRootPath}
	}
	switch {
	case r.config.SignerIdentity != "":
		how = []string{"--certificate-identity-regexp", identityPattern(r.config.SignerIdentity), "--certificate-oidc-issuer", r.config.SignerIssuer}
		if r.config.Sigstore == "" {
			return how, nil, nil
		}
		root := string(r.source.files[path.Join(r.config.Sigstore, trustedRootFile)])
		return append(how, "--trusted-root", trustedRootPath), map[string]string{trustedRootPath: root}, nil
	case keyService.MatchString(named):
		return byKey(named), map[string]string{trustedRootPath: noRoots}, nil
	case there:
		if _, err := keyHint(public); err != nil {
			return nil, nil, refuse("write it with cosign public-key", "%s: %w", named, err)
		}
		return byKey(publicKeyPath), map[string]string{trustedRootPath: noRoots, publicKeyPath: string(public)}, nil
	case r.config.VerifyKey != "":
		return nil, nil, refuseState("add and commit it, or correct the setting verifyKey", "the public key %s is not in the repository", named)
	}
	return nil, nil, nil
}

// Envelope says whether a bundle is a signed statement of this kind about this digest.
func (k *checker) Envelope(ctx context.Context, bundle []byte, digest, kind string) error {
	algorithm, hex, _ := strings.Cut(digest, ":")
	args := append([]string{"verify-blob-attestation", "--bundle", bundlePath, "--type", kind, "--digest", hex, "--digestAlg", algorithm}, k.how...)
	_, err := k.run.runCosign(ctx, k.c.WithNewFile(bundlePath, string(bundle)), unsound, args...)
	return err
}

// File says whether a bundle signs a file's content.
func (k *checker) File(ctx context.Context, name string, data, bundle []byte) error {
	args := append(append([]string{"verify-blob", "--bundle", bundlePath}, k.how...), signedPath)
	c := k.c.WithNewFile(bundlePath, string(bundle)).WithNewFile(signedPath, string(data))
	if _, err := k.run.runCosign(ctx, c, unsound, args...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// verifyErrors are why cosign does not accept a signature; $1 and $2 are what it names.
var verifyErrors = []struct {
	said *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`expected SAN value (?:to match regex )?"([^"]*)", got "([^"]*)"`), "signed by $2, expected $1"},
	{regexp.MustCompile(`expected issuer value "([^"]*)", got "([^"]*)"`), "signed by an identity of $2, expected one of $1"},
	{regexp.MustCompile(`invalid predicate type, expected (\S+) got (\S+)`), "the statement is a $2, expected a $1"},
	{regexp.MustCompile(`does not match any digest in statement`), "the statement is about another image"},
	{regexp.MustCompile(`expected key signature, not certificate`), "signed by an identity, expected the key"},
	{regexp.MustCompile(`accepted signatures do not match threshold|invalid signature when validating`), "signed by another key, or changed after it was signed"},
	{regexp.MustCompile(`verify log inclusion|verified timestamp|certificate has expired|failed to verify (leaf )?certificate`), "signed by a Sigstore that is not trusted, or by a certificate that had expired"},
}

// unsound says what is wrong with a signature.
func unsound(code int, said string) *failure {
	reason := cosignReason(said)
	for _, e := range verifyErrors {
		if at := e.said.FindStringSubmatchIndex(reason); at != nil {
			what := e.said.ExpandString(nil, e.what, reason, at)
			return &failure{err: errors.New(string(what)), outcome: report.RefusedState, ending: report.Failed, output: lastLines(said)}
		}
	}
	return cosignFailed(code, said)
}
