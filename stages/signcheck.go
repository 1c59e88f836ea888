package stages

import (
	"context"
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
	k := r.newChecker(how, files)
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

func (r *Run) newChecker(how []string, files map[string]string) *checker {
	k := &checker{run: r, how: how, c: r.cosign()}
	for _, name := range sortedKeys(files) {
		k.c = k.c.WithNewFile(name, files[name])
	}
	return k
}

// releaseChecker knows the statements that a release keeps: by whom the settings expect, or else by who signs now. The signer's
// own key service is not asked again: one that is away then looks like a wrong signature.
func (r *Run) releaseChecker(ctx context.Context) (*checker, error) {
	s := r.access.signer
	if s.key == nil || s.key.service == "" || s.key.service != r.config.VerifyKey {
		if k, err := r.checker(ctx); err != nil || k != nil {
			return k, err
		}
	}
	if err := s.known(ctx); err != nil {
		return nil, err
	}
	return r.newChecker(r.ownArguments(s)), nil
}

// ownArguments are cosign's arguments for the signer of this run, and the files that they name.
func (r *Run) ownArguments(s *signer) (how []string, files map[string]string) {
	if s.key != nil {
		return byKey(publicKeyPath), map[string]string{trustedRootPath: noRoots, publicKeyPath: s.public}
	}
	return r.byIdentity("--certificate-identity", s.by.Identity, s.by.Issuer)
}

// byKey are the arguments for a key, which is checked without asking anybody.
func byKey(key string) []string {
	return []string{"--key", key, "--insecure-ignore-tlog", "--trusted-root", trustedRootPath}
}

// byIdentity are the arguments for an identity, or for a pattern of some, and the trusted root if it is one's own.
func (r *Run) byIdentity(option, identity, issuer string) (how []string, files map[string]string) {
	how = []string{option, identity, "--certificate-oidc-issuer", issuer}
	if r.config.Sigstore == "" {
		return how, nil
	}
	root := string(r.source.files[path.Join(r.config.Sigstore, trustedRootFile)])
	return append(how, "--trusted-root", trustedRootPath), map[string]string{trustedRootPath: root}
}

// signatureArguments are cosign's arguments for who has to have signed, and the files that they name; nothing if that is not known.
func (r *Run) signatureArguments() (how []string, files map[string]string, err error) {
	named := orDefault(r.config.VerifyKey, defaultVerifyKey)
	public, there := r.source.files[named]
	switch {
	case r.config.SignerIdentity != "":
		how, files = r.byIdentity("--certificate-identity-regexp", identityPattern(r.config.SignerIdentity), r.config.SignerIssuer)
		return how, files, nil
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

// unaccepted is what cosign says of a signature that it has looked at. Any other error says nothing about the signature.
type unaccepted string

func (u unaccepted) Error() string { return string(u) }

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
	{regexp.MustCompile(`^(failed to |must provide timestamp|no valid observer|threshold not met|can't verify certificate)|only supported with --new-bundle-format|^bundle does not contain`), "it is no signature that cosign can check"},
}

// beforeBundle is how cosign begins its error while it has not looked at a signature yet.
var beforeBundle = regexp.MustCompile(`^(loading verifier|setting trusted material|setting up clients)`)

// unsound says what is wrong with a signature.
func unsound(code int, said string) *failure {
	reason := cosignReason(said)
	if beforeBundle.MatchString(reason) {
		return cosignFailed(code, said)
	}
	for _, e := range verifyErrors {
		if at := e.said.FindStringSubmatchIndex(reason); at != nil {
			what := e.said.ExpandString(nil, e.what, reason, at)
			return &failure{err: unaccepted(what), outcome: report.RefusedState, ending: report.Failed, output: lastLines(said)}
		}
	}
	return cosignFailed(code, said)
}
