package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// defaultVerifyKey is where cosign itself writes the public half of a new key.
const defaultVerifyKey = "cosign.pub"

// Files of a Sigstore of one's own, as `cosign signing-config create` and `cosign trusted-root create` write them.
const (
	signingConfigFile = "signing_config.json"
	trustedRootFile   = "trusted_root.json"
)

// keyService is a reference to a key that its service keeps.
var keyService = regexp.MustCompile(`^(?:awskms|azurekms|gcpkms|gitlab|hashivault|k8s)://\S+\z`)

// readSigning reads what the settings say of signatures, secrets apart.
func (s Settings) readSigning(set func(name string, err error)) {
	set("sigstore", checkPath(s.Sigstore))
	if !keyService.MatchString(s.VerifyKey) {
		set("verifyKey", checkPath(s.VerifyKey))
	}
	if (s.SignerIdentity == "") != (s.SignerIssuer == "") {
		set("signerIdentity", errors.New("expected it together with signerIssuer: an identity is nothing without who vouches for it"))
	}
	if s.VerifyKey != "" && s.SignerIdentity != "" {
		set("verifyKey", errors.New("signerIdentity is set too: a release is signed by a key or by an identity, so leave one out"))
	}
	if s.RequireSigned != "" && s.RequireSigned != "off" {
		set("requireSigned", fmt.Errorf("expected off or nothing, found %q", s.RequireSigned))
	}
}

// signingFiles are the repository's files on signatures.
func (c config) signingFiles() (files []string) {
	if !keyService.MatchString(c.VerifyKey) {
		files = append(files, orDefault(c.VerifyKey, defaultVerifyKey))
	}
	if c.Sigstore != "" {
		files = append(files, path.Join(c.Sigstore, signingConfigFile), path.Join(c.Sigstore, trustedRootFile))
	}
	return files
}

// mustSign says what in the settings wants the release to be signed; empty: nothing does.
func (r *Run) mustSign() string {
	_, there := r.source.files[defaultVerifyKey]
	switch {
	case r.config.RequireSigned != "":
		return ""
	case r.config.SignerIdentity != "":
		return "signerIdentity is set"
	case r.config.VerifyKey != "":
		return "verifyKey is set"
	case there:
		return defaultVerifyKey + " is in the repository"
	}
	return ""
}

var errNotSigned = errors.New("the release has to be signed, and there is nothing to sign with")

// checkSigner finds out, without asking anybody, whether there is what has to be there to sign with.
func (r *Run) checkSigner(ctx context.Context) error {
	for _, file := range []string{signingConfigFile, trustedRootFile} {
		if name := path.Join(r.config.Sigstore, file); r.config.Sigstore != "" && r.source.files[name] == nil {
			return refuse("add and commit it, or correct the setting sigstore", "the file %s of Sigstore is not in the repository", name)
		}
	}
	s, err := r.signer(ctx)
	if err != nil || s != nil {
		return err
	}
	if why := r.mustSign(); why != "" {
		return &failure{
			err: fmt.Errorf("%w: %s", errNotSigned, why), outcome: report.RefusedInput, ending: report.Failed, dry: isListed,
			next: "set signingKey, or identityToken of a CI job; requireSigned=off lets releases be unsigned",
		}
	}
	return nil
}

// checkSignerKnown finds keys and tokens that would not sign, before an hour of work.
func (r *Run) checkSignerKnown(ctx context.Context) error {
	s := r.access.signer
	if s == nil {
		return nil
	}
	if err := s.known(ctx); err != nil {
		return err
	}
	return r.checkSignerIsExpected(s)
}

// checkSignerIsExpected finds signatures that nobody who checks them would accept.
func (r *Run) checkSignerIsExpected(s *signer) error {
	if s.key == nil && r.config.SignerIdentity != "" && !r.config.expects(s.by.Identity, s.by.Issuer) {
		return refuse("run it in the job that signs, or correct the settings", "signerIdentity and signerIssuer want %s of %s to sign, and this job is %s of %s",
			r.config.SignerIdentity, r.config.SignerIssuer, s.by.Identity, s.by.Issuer)
	}
	named := orDefault(r.config.VerifyKey, defaultVerifyKey)
	text, there := r.source.files[named]
	switch {
	case s.key != nil && r.config.SignerIdentity != "":
		return refuse("set identityToken in place of signingKey, or leave signerIdentity and signerIssuer out",
			"signerIdentity and signerIssuer want an identity to sign, and this release would be signed by a key")
	case s.key == nil && r.config.SignerIdentity == "" && (there || r.config.VerifyKey != ""):
		return refuse("set signerIdentity and signerIssuer, or signingKey in place of identityToken",
			"the release has to be signed by the key %s, and this job would sign as %s", named, s.by.Identity)
	}
	if s.key == nil || keyService.MatchString(r.config.VerifyKey) || !there {
		return nil
	}
	hint, err := keyHint(text)
	if err != nil {
		return refuse("write it with cosign public-key", "%s: %w", named, err)
	}
	if hint != s.by.Key {
		return refuse("write the public half of signingKey into it (cosign public-key), or set the other key",
			"%s is of another key than signingKey: expected %s, found %s", named, s.by.Key, hint)
	}
	return nil
}

// identityPattern is what an identity has to match; * is anything but a slash.
func identityPattern(setting string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(setting), `\*`, "[^/]*") + "$"
}

// expects says whether it is this identity that has to sign.
func (c config) expects(identity, issuer string) bool {
	return issuer == c.SignerIssuer && regexp.MustCompile(identityPattern(c.SignerIdentity)).MatchString(identity)
}

// signingWord says in the line of stage 1 who would sign.
func (r *Run) signingWord() string {
	if r.access.signer == nil {
		return "not signed: no signingKey and no identity token"
	}
	return "to be signed " + r.access.signer.by.String()
}

// signedBy is who has signed the images of this run, and how anybody sees that; nil if nobody has. What was found was signed by
// whom the settings expect.
func (r *Run) signedBy(images []report.Image) *report.Signed {
	s, attached := r.access.signer, r.record().Attached
	if s == nil || len(images) == 0 || s.count.Load() == 0 && len(attached) == 0 {
		return nil
	}
	by := s.by
	if slices.ContainsFunc(attached, func(a release.Attached) bool { return !a.Wrote }) {
		by.Identity = orDefault(r.config.SignerIdentity, by.Identity)
	}
	by.Check = r.checkLine(by, images[0].Repository+"@"+images[0].Digest)
	return &by
}

// checkLine is the command by which anybody sees who has signed an image.
func (r *Run) checkLine(by report.Signed, image string) string {
	args := []string{"cosign", "verify"}
	if by.Key != "" {
		args = append(args, "--key", orDefault(r.config.VerifyKey, defaultVerifyKey), "--insecure-ignore-tlog")
	} else {
		option, identity := "--certificate-identity", by.Identity
		if strings.Contains(identity, "*") {
			option, identity = "--certificate-identity-regexp", identityPattern(identity)
		}
		args = append(args, option, identity, "--certificate-oidc-issuer", by.Issuer)
		if r.config.Sigstore != "" {
			args = append(args, "--trusted-root", path.Join(r.config.Sigstore, trustedRootFile))
		}
	}
	return server.Typed(append(args, image)...)
}
