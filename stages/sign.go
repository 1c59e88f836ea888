package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
)

// signer signs by cosign, in a container that gets no other secret than the key or the token. It pushes nothing, so it needs
// no registry; by a key it needs no network either.
type signer struct {
	run    *Run
	key    *signingKey                               // nil: by an identity
	token  func(ctx context.Context) (string, error) // a fresh one, because it may live for minutes only
	by     report.Signed                             // when it is known
	public string                                    // the public half of the key, in PEM, when it is known
	asking sync.Mutex                                // who signs
	count  atomic.Int64                              // of signatures made
}

// signer is made once a run; nil if nothing to sign with is set.
func (r *Run) signer(ctx context.Context) (*signer, error) {
	if r.access.signer != nil {
		return r.access.signer, nil
	}
	key, err := r.readSigningKey(ctx)
	if err != nil {
		return nil, refuseInput(err)
	}
	token, err := r.readIdentity(ctx)
	if err != nil {
		return nil, refuseInput(err)
	}
	switch {
	case key != nil && token != nil:
		return nil, refuseInput(errors.New("signingKey and an identity token are both set: a release is signed by one of them, so leave the other out"))
	case key != nil && r.config.Sigstore != "":
		return nil, refuseInput(errors.New("sigstore and signingKey are both set: a signature by a key asks no Sigstore, so leave one out"))
	case key == nil && token == nil:
		return nil, nil
	}
	r.access.signer = &signer{run: r, key: key, token: token}
	return r.access.signer, nil
}

// known finds out who signs, unless that is known; it shows that the key opens and the token is one.
func (s *signer) known(ctx context.Context) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.by != (report.Signed{}) {
		return nil
	}
	return s.ask(ctx)
}

func (s *signer) ask(ctx context.Context) error {
	if s.key == nil {
		var err error
		if _, s.by, err = s.identity(ctx); err != nil {
			return refuse("see the setting identityToken", "%w", err)
		}
		return nil
	}
	ran, err := s.run.runCosign(ctx, s.key.give(s.run, s.run.cosign()), cosignFailed, "public-key", "--key", s.key.reference())
	if err != nil {
		return err
	}
	if s.public, err = ran.Stdout(ctx); err != nil {
		return explain(err)
	}
	s.by.Key, err = keyHint([]byte(s.public))
	return err
}

// identity is a token to sign with now, and who it is of.
func (s *signer) identity(ctx context.Context) (token string, by report.Signed, err error) {
	if token, err = s.token(ctx); err == nil {
		by, err = identityOf(token)
	}
	return token, by, err
}

// Statement signs an in-toto statement as it is, and returns the Sigstore bundle.
func (s *signer) Statement(ctx context.Context, text []byte) ([]byte, error) {
	return s.sign(ctx, "a statement", text, "attest-blob", "--statement", signedPath)
}

// File signs a file, and returns the Sigstore bundle.
func (s *signer) File(ctx context.Context, name string, data []byte) ([]byte, error) {
	return s.sign(ctx, name, data, "sign-blob", signedPath)
}

// Where cosign finds things, and the one folder that it may write to.
const (
	signPath          = "/slipway"
	signedPath        = signPath + "/signed"
	signOut           = signPath + "/out"
	bundlePath        = signOut + "/bundle.json"
	signingConfigPath = signPath + "/" + signingConfigFile
	trustedRootPath   = signPath + "/" + trustedRootFile
	publicKeyPath     = signPath + "/" + defaultVerifyKey
)

// A Sigstore without any service: cosign asks nobody, neither to sign by a key nor to check that.
const (
	noServices = `{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": {}, "tsaConfig": {}}`
	noRoots    = `{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`
)

func (s *signer) sign(ctx context.Context, what string, data []byte, command string, args ...string) ([]byte, error) {
	c := s.run.cosign().WithNewFile(signedPath, string(data))
	how := []string{command, "--yes", "--bundle", bundlePath}
	if s.key != nil {
		c = s.key.give(s.run, c).WithNewFile(signingConfigPath, noServices).WithNewFile(trustedRootPath, noRoots)
		how = append(how, "--key", s.key.reference(), "--signing-config", signingConfigPath, "--trusted-root", trustedRootPath)
	} else {
		token, _, err := s.identity(ctx)
		if err != nil {
			return nil, fmt.Errorf("signing %s: %w", what, err)
		}
		c = c.WithSecretVariable("SIGSTORE_ID_TOKEN", s.run.dag.SetSecret("identity token", token))
		if s.run.config.Sigstore != "" {
			c = s.run.withSigstore(c)
			how = append(how, "--signing-config", signingConfigPath, "--trusted-root", trustedRootPath)
		}
	}
	ran, err := s.run.runCosign(ctx, c, cosignFailed, append(how, args...)...)
	if err != nil {
		f := *explain(err)
		// Whoever shows this has advice of its own: what was written, and to run the same line again.
		return nil, fmt.Errorf("signing %s: %w: %s", what, f.err, orDefault(f.next, f.output))
	}
	bundle, err := ran.File(bundlePath).Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", what, explain(err))
	}
	s.count.Add(1)
	return []byte(bundle), nil
}

// withSigstore gives cosign the files of a Sigstore of one's own.
func (r *Run) withSigstore(c *dagger.Container) *dagger.Container {
	for file, at := range map[string]string{signingConfigFile: signingConfigPath, trustedRootFile: trustedRootPath} {
		c = c.WithNewFile(at, string(r.source.files[path.Join(r.config.Sigstore, file)]))
	}
	return c
}

// cosign is a container of it. The image's own user may write nowhere, so there is a folder for everybody.
func (r *Run) cosign() *dagger.Container {
	out := r.dag.Directory().WithNewDirectory(path.Base(signOut), dagger.DirectoryWithNewDirectoryOpts{Permissions: 0o777})
	return r.tool("cosign").WithDirectory(signPath, out).WithEnvVariable("HOME", signOut).WithWorkdir(signPath)
}

// runCosign runs it once, and never takes what an earlier run has got: what is signed again is another signature (L7).
func (r *Run) runCosign(ctx context.Context, c *dagger.Container, failed func(code int, said string) *failure, args ...string) (*dagger.Container, error) {
	ran := again(c).
		WithExec(args, dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny, UseEntrypoint: true})
	code, err := ran.ExitCode(ctx)
	if err != nil {
		return nil, explain(err)
	}
	if code == 0 {
		return ran, nil
	}
	said, err := ran.Stderr(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return nil, failed(code, r.mask(said))
}
