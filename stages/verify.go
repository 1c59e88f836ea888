package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/verify"
)

// Verify compares a release with everything that says something about it.
func (p Pipeline) Verify(ctx context.Context, version string) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: version}, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	facts, err := r.readRelease(ctx)
	if err != nil {
		return "", plain(err)
	}
	return verified(r.Version.String(), verify.Judge(facts))
}

// verified is the table as a result, or as the error, because a result beside an error is lost.
func verified(version string, table verify.Table) (string, error) {
	text := table.Text(version)
	if !table.Green() {
		return "", errors.New(strings.TrimRight(text, "\n"))
	}
	return text, nil
}

// readRelease asks everybody who can be asked. It needs no token for what is public.
func (r *Run) readRelease(ctx context.Context) (verify.Facts, error) {
	if err := r.prepare(ctx); err != nil {
		return verify.Facts{}, err
	}
	checker, signer, err := r.expected(ctx)
	if err != nil {
		return verify.Facts{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.stageTimeout)
	defer cancel()
	f := verify.Facts{Request: r.request(), Signer: signer, Observed: r.observePublic(ctx)}
	seen, q := f.Observed, f.Request // f itself is written by all of them
	release.Parallel(
		func() {
			if seen.Registry.Read() {
				f.Images = verify.ReadImages(ctx, r.access.registry, checker, digestsOf(seen))
				f.Floating = verify.ReadFloating(ctx, r.access.registry, seen, q)
			}
		},
		func() { f.Page = r.readPage(ctx, checker, seen, q) },
		func() { f.Servers = r.readServers(ctx) },
	)
	return f, nil
}

// expected is the way to tell who has signed, and who has to have, in words; nothing if nobody is known.
func (r *Run) expected(ctx context.Context) (verify.Checker, string, error) {
	k, err := r.checker(ctx)
	if err != nil || k == nil {
		return nil, "", err
	}
	if r.config.SignerIdentity != "" {
		return k, r.config.SignerIdentity, nil
	}
	return k, "key " + orDefault(r.config.VerifyKey, defaultVerifyKey), nil
}

// observePublic asks registry, git and forge. What only a token could see is no fault of theirs.
func (r *Run) observePublic(ctx context.Context) release.Observed {
	w := r.world()
	w.Staging = nil
	if r.access.forge != nil {
		w.Forge = r.access.forge
	}
	o := release.Observe(ctx, w, r.request())
	if err := o.Forge.Err; err != nil && !r.access.writable {
		o.Forge = release.Part[[]forge.Release]{Why: fmt.Sprintf("no forgeToken is set, and without: %v", err)}
	}
	return o
}

func digestsOf(o release.Observed) map[string]string {
	digests := map[string]string{}
	for name, at := range o.Registry.Is.Version {
		digests[name] = at.Digest
	}
	return digests
}

// readPage reads the release on the forge. Where no token is set, there need not be one.
func (r *Run) readPage(ctx context.Context, checker verify.Checker, seen release.Observed, q release.Request) release.Part[verify.Page] {
	if o := seen.Forge; !o.Read() {
		return release.Part[verify.Page]{Why: o.Why, Err: o.Err}
	}
	page := verify.ReadPage(ctx, r.access.forge, checker, seen, q)
	if page.Read() && page.Is.Release.Tag == "" && !r.access.writable {
		return release.Part[verify.Page]{Why: "none that can be seen without a forgeToken"}
	}
	return page
}

// readServers reads what runs, where somebody who verifies can log in.
func (r *Run) readServers(ctx context.Context) release.Part[[]server.Seen] {
	var envs []server.Environment
	for _, name := range []string{staging, production} {
		e, ok := r.config.environments[name]
		if !ok {
			continue
		}
		env, err := r.server(ctx, e)
		if err != nil {
			return release.Part[[]server.Seen]{Why: err.Error()}
		}
		envs = append(envs, env)
	}
	if len(envs) == 0 {
		return release.Part[[]server.Seen]{Why: "neither staging nor production is set"}
	}
	return release.Part[[]server.Seen]{Is: server.ReadAll(ctx, envs...), At: time.Now()}
}

// checkSigned lets nothing run in production that the expected signer has not signed, or that was built from another commit
// than staging ran. Where nobody is known who has to sign, there is nothing to check.
func (r *Run) checkSigned(ctx context.Context, next release.Rollout) error {
	if r.config.RequireSigned != "" {
		r.notCheckedf("whether %s is signed: requireSigned is %s", r.Version, r.config.RequireSigned)
		return nil
	}
	checker, signer, err := r.expected(ctx)
	if err != nil || checker == nil {
		return err
	}
	f := verify.Facts{Request: r.request(), Signer: signer, Images: verify.ReadImages(ctx, r.access.registry, checker, next.Digests)}
	return r.refuseUnsigned(verify.JudgeImages(f, next.Commit))
}

// refuseUnsigned names every difference.
func (r *Run) refuseUnsigned(table verify.Table) error {
	if table.Green() {
		return nil
	}
	var rows []string
	for _, row := range table.Red() {
		rows = append(rows, row.String())
	}
	return refuseState("nothing was changed; see all of it with dagger call verify --version="+r.Version.String()+", or let unsigned versions run with requireSigned=off",
		"%s is not shown to be what was released: %s", r.Version, strings.Join(rows, "; "))
}
