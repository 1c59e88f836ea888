package gitremote

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's name of a blob
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/retry"
)

// Executor runs git commands in one repository that borrows the source's objects, one after the other, and returns what the
// last one prints. Files are written before, by path in the repository. Every call really runs, and finds nothing of the
// calls before it. A command that fails is an error that is Printed.
type Executor interface {
	Run(ctx context.Context, files map[string]string, env map[string]string, commands ...[]string) (string, error)
}

// Signature is who writes tags and commits, and when.
type Signature struct {
	Name, Email string
	At          time.Time
}

// Env is the signature as git takes it. With it the same commands make the same objects each time.
func (s Signature) Env() map[string]string {
	env := map[string]string{}
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		env["GIT_"+role+"_NAME"] = s.Name
		env["GIT_"+role+"_EMAIL"] = s.Email
		env["GIT_"+role+"_DATE"] = fmt.Sprintf("@%d +0000", s.At.Unix())
	}
	return env
}

// Remote is the Git server that git itself talks to.
type Remote struct {
	// Incomplete is set if the source's history is cut off, or contents of it were left out: what is there is then not offered
	// to the remote as known, because what belongs to it is not.
	Incomplete bool

	exec    Executor
	address string
	by      Signature
	clock   retry.Clock
}

var _ Server = (*Remote)(nil)

// New is the remote at an address.
func New(exec Executor, address string, by Signature) *Remote {
	return &Remote{exec: exec, address: WithoutUser(address), by: by, clock: retry.Real}
}

// Refs implements Server.
func (r *Remote) Refs(ctx context.Context) (Refs, error) {
	out, err := r.read(ctx, []string{"git", "ls-remote", "--symref", "--end-of-options", r.address})
	return parseRefs(out), err
}

// noteFile is where the text of a note lies before it is a blob, and noteRef is where one that was fetched is.
const (
	noteFile = "slipway-note"
	noteRef  = "refs/slipway/read"
)

// Note implements Server.
func (r *Remote) Note(ctx context.Context, text string, refs map[string]string) (string, error) {
	blob := blobOf(text)
	var leases, refspecs []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		leases = append(leases, lease(ref, refs[ref]))
		refspecs = append(refspecs, blob+":"+ref)
	}
	_, err := r.exec.Run(ctx, map[string]string{noteFile: text}, nil,
		[]string{"git", "hash-object", "-w", "--no-filters", "--", noteFile}, r.push(leases, refspecs))
	if err != nil {
		return "", explainPush(r.address, err)
	}
	return blob, nil
}

// blobOf is the name that git gives to a text.
func blobOf(text string) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))) //nolint:gosec // see above
}

// ReadNote implements Server.
func (r *Remote) ReadNote(ctx context.Context, ref string) (string, error) {
	return r.read(ctx,
		[]string{"git", "fetch", "--quiet", "--no-tags", "--end-of-options", r.address, "+" + ref + ":" + noteRef},
		[]string{"git", "cat-file", "blob", noteRef})
}

// Remove implements Server.
func (r *Remote) Remove(ctx context.Context, ref, blob string) error {
	if _, err := r.exec.Run(ctx, nil, nil, r.push([]string{lease(ref, blob)}, []string{":" + ref})); err != nil {
		return explainPush(r.address, err)
	}
	return nil
}

// Tag implements Server.
func (r *Remote) Tag(ctx context.Context, name, commit string) error {
	return r.pushOnce(ctx, map[string]string{tagPrefix + name: commit}, nil)
}

// Containing implements Server.
func (r *Remote) Containing(ctx context.Context, branches []string, commit string) ([]string, error) {
	var refs []string
	for _, name := range branches {
		refs = append(refs, branchPrefix+name)
	}
	out, err := r.read(ctx, r.FetchCommand(refs...),
		[]string{"git", "for-each-ref", "--contains=" + commit, "--format=%(refname:strip=2)", branchPrefix})
	return strings.Fields(out), err
}

// History is what git log prints in a repository that has these refs of the remote, whole and under their own names, beside
// the source's objects: what the notes need need not be in the clone (C10).
func (r *Remote) History(ctx context.Context, refs []string, args ...string) (log string, err error) {
	commands := [][]string{append([]string{"git", "log", "--no-show-signature"}, args...)}
	if len(refs) > 0 {
		commands = append([][]string{r.FetchCommand(refs...)}, commands...)
	}
	err = begin(ctx, r, r.clock).repeat(ctx, func(ctx context.Context) error {
		log, err = r.read(ctx, commands...)
		return err
	})
	return log, err
}

// Make runs commands that make objects, and returns what the last one prints. The same commands make the same again, for
// Push.
func (r *Remote) Make(ctx context.Context, commands ...[]string) (string, error) {
	out, err := r.exec.Run(ctx, nil, r.by.Env(), commands...)
	return strings.TrimSpace(out), err
}

// Push puts commits on branches and annotated tags, all or none (G4), after commands that make them in the same repository.
// It never moves what is there: a branch that has moved, or a tag, refuses it. So only ctx bounds the commands.
func (r *Remote) Push(ctx context.Context, want map[string]string, before ...[]string) error {
	push := func(ctx context.Context) error { return r.pushOnce(ctx, want, before) }
	if len(before) == 0 {
		push = bounded(push)
	}
	return begin(ctx, r, r.clock).write(ctx, push, func(now Refs) (bool, error) { return now.Has(want), nil })
}

func (r *Remote) pushOnce(ctx context.Context, want map[string]string, before [][]string) error {
	commands := slices.Clone(before)
	var refspecs []string
	for _, ref := range slices.Sorted(maps.Keys(want)) {
		from := want[ref]
		if name, ok := strings.CutPrefix(ref, tagPrefix); ok {
			from = ref
			commands = append(commands, tagCommand(name, want[ref]))
		}
		refspecs = append(refspecs, from+":"+ref)
	}
	if _, err := r.exec.Run(ctx, nil, r.by.Env(), append(commands, r.push(nil, refspecs))...); err != nil {
		return explainPush(r.address, err)
	}
	return nil
}

func tagCommand(name, commit string) []string {
	return []string{"git", "-c", "tag.gpgSign=false", "tag", "--annotate", "--message=Release " + name, "--end-of-options", name, commit}
}

// push names what it pushes: never all tags, never by force, all of it or nothing (G4). With leases it may move refs, from
// what they are expected to be.
func (r *Remote) push(leases, refspecs []string) []string {
	args := append([]string{"git", "push", "--quiet", "--atomic", "--no-follow-tags"}, leases...)
	return append(append(args, "--end-of-options", r.address), refspecs...)
}

func lease(ref, expected string) string { return "--force-with-lease=" + ref + ":" + expected }

// FetchCommand brings refs of the remote with all that they lead to, under their own names.
func (r *Remote) FetchCommand(refs ...string) []string {
	fetch := []string{"git"}
	if r.Incomplete {
		fetch = append(fetch, "-c", "core.alternateRefsCommand=:")
	}
	fetch = append(fetch, "fetch", "--quiet", "--no-tags", "--end-of-options", r.address)
	for _, ref := range refs {
		fetch = append(fetch, "+"+ref+":"+ref)
	}
	return fetch
}

// read runs commands that write nothing on the remote.
func (r *Remote) read(ctx context.Context, commands ...[]string) (string, error) {
	out, err := r.exec.Run(ctx, nil, nil, commands...)
	if err != nil {
		return "", explainRead(r.address, err)
	}
	return out, nil
}
