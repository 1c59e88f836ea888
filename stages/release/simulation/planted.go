package simulation

// Mutations are planted one at a time.
var Mutations = []Mutation{
	{"an image gets its version before the others have their commit tag", "release/images.go", []Edit{{
		"		mu.Lock()\n		defer mu.Unlock()\n		if err == nil {",
		"		if err == nil {\n			_, err = registry.TagOnce(ctx, a.world.Registry, a.world.Clock, registry.Move{Image: image, Tag: a.Plan.Version.String(), Digest: digest})\n		}\n		mu.Lock()\n		defer mu.Unlock()\n		if err == nil {",
	}}},
	{"what is said of images is attached after they have their version", "release/plan.go", []Edit{{
		"return append(effects, versionTags{tag: d.q.Version.String(), done: versioned})",
		"return append([]Effect{effects[0], versionTags{tag: d.q.Version.String(), done: versioned}}, effects[1:]...)",
	}}},
	{"nobody looks what is attached already", "release/attestations.go", []Edit{{
		"if found[digest], err = a.world.Registry.Attached(ctx, image, digest); err != nil {", "if found[digest], err = nil, ctx.Err(); err != nil {",
	}}},
	{"what an earlier run has attached to one digest is made anew for the others", "release/attestations.go", []Edit{{
		"range w.among(found, a.Plan.Signed) {", "range w.among(map[string][]attest.Artifact{w.Digests[1]: found[w.Digests[1]]}, a.Plan.Signed) {",
	}}},
	{"what anybody has signed is kept", "release/attestations.go", []Edit{{`doubt == "" || err != nil {`, `doubt == "" || err != nil || len(said.Data) > 0 {`}}},
	{"a signature counts as the release's own where nobody can tell", "release/attestations.go", []Edit{{"return said, err", "return said, nil"}}},
	{"a signature counts as a stranger's where nobody can tell", "release/attestations.go", []Edit{{`doubt == "" || err != nil {`, `doubt == "" && err == nil {`}}},
	{"what another writer's list has lost is not attached again", "registry/attach.go", []Edit{{
		"all = without(all, there)", "all = without(all, append(there, all...))",
	}}},
	{"a signed release goes on without its statements", "release/attestations.go", []Edit{{
		"errors.As(err, &no) && !a.Plan.Signed", "errors.As(err, &no)",
	}}},
	{"floating tags move before staging is healthy", "release/plan.go", []Edit{{
		"d.stagingEffects(), d.finishEffects()", "d.finishEffects(), d.stagingEffects()",
	}}},
	{"a tag is not read back", "registry/tag.go", []Edit{{"return t.settle(ctx, s, digest)", "return nil"}}},
	{"a version tag is overwritten", "registry/tag.go", []Edit{{`s.Old != "" && s.Old != s.New`, `s.Old == s.New && s.Old == ""`}}},
	{"a move that was accepted is not undone", "registry/promote.go", []Edit{{"now == s.Old && !s.accepted", "now == s.Old"}}},
	{"floating tags are not put back", "registry/promote.go", []Edit{{"err = t.putBack(ctx, steps[:i+1], err)", "_ = steps[:i+1]"}}},
	{"nobody looks at the lock before a write", "release/held.go", []Edit{{
		"if err := lock.Check(ctx); err != nil {", "if err := ctx.Err(); err != nil {",
	}}},
	{"a lock is taken over at once", "gitremote/acquire.go", []Edit{{"v.unchanged >= stale", "v.unchanged >= 0"}}},
	{"nobody waits to see whether the run that has the lock is gone", "gitremote/acquire.go", []Edit{{"!v.lives || ", ""}}},
	{"a run was at work if another blob was ever seen", "gitremote/acquire.go", []Edit{{"now.Sub(w.before) < quiet", "now.After(w.before)"}}},
	{"a lock that could not be renewed is trusted for ever", "gitremote/lock.go", []Edit{{
		"return l.lost, elapsed(l.confirmed, l.clock.Now()) < fresh", "return l.lost, true",
	}}},
	{"what was seen before the lock decides", "release/act.go", []Edit{
		{"	a.world = w.under(a.pass)\n", "	a.world = w.under(a.pass)\n	a.seen = Observe(ctx, w, q)\n"},
		{"	a.seen = Observe(ctx, a.world, q)\n	var err error", "	var err error"},
	}},
	{"floating tags are not decided again after staging", "release/images.go", []Edit{{
		"tags, err := a.stillMoving(ctx, e.tags)", "tags, err := e.tags, error(nil)",
	}}},
	{"notes erase what people wrote", "release/page.go", []Edit{{"forge.WithNotes(forge.NotStanding(found).Body, a.Notes)", `forge.WithNotes("", a.Notes)`}}},
	{"a title that a person gave is replaced", "release/page.go", []Edit{{"forge.WithTitle(found, a.Plan.TagName())", "a.Plan.TagName()"}}},
	{"nothing is attached before the release is published", "release/plan.go", []Edit{{
		", files{done: d.plan.Page != nil && len(d.plan.missing()) == 0})", ")",
	}}},
	{"a release that somebody published meanwhile is left as it is", "release/page.go", []Edit{{
		"return a.complete(ctx, *found)", "return nil, nil",
	}}},
	{"a release that somebody published does not get the latest mark", "release/page.go", []Edit{{
		"if found.Latest || ", "if true || ",
	}}},
	{"the team is told before that is noted", "release/act.go", []Edit{
		{"	if a.begun != \"\" && a.done == len", "	if err := send(ctx); err != nil {\n		return true, err\n	}\n	if a.begun != \"\" && a.done == len"},
		{"return true, send(ctx)", "return true, nil"},
	}},
	{"nothing notes that a release has begun", "release/act.go", []Edit{{`if a.lock == nil || a.begun != "" {`, `if true {`}}},
	{"the team is told of a run that did nothing", "release/act.go", []Edit{{`return a.Record.Wrote() || a.begun != ""`, "return true"}}},
	{"a moved tag does not count as written", "release/images.go", []Edit{{"Wrote: m.Old != m.Final, Earlier: m.Old == m.New,", "Earlier: m.Old == m.New,"}}},
	{"versions that were taken back count", "release/known.go", []Edit{{
		"return slices.DeleteFunc(slices.Clone(known), o.withdrawals(prefix))", "return known",
	}}},
	{"an image of another version of the commit is used again", "release/observe.go", []Edit{{
		"return at.Revision() == q.Commit && at.Version() == q.Version.String()", "return at.Revision() == q.Commit",
	}}},
	{"an image that says it is the release's own is taken for that", "release/observe.go", []Edit{{"own && q.Signed && !judged", "false && own && !judged"}}},
	{"a version on an image that nobody vouches for is finished", "release/decide.go", []Edit{{
		`sameRelease(at, d.q) && d.o.Registry.Is.Doubts[d.versioned(name)] == ""`, "sameRelease(at, d.q)",
	}}},
	{"a provenance that anybody has signed is believed", "release/own.go", []Edit{{`if why == "" {`, `if why != "none" {`}}},
	{"a provenance is believed where nobody can tell", "release/own.go", []Edit{{`return "", &Untold{err}`, `return "", nil`}}},
	{"a provenance of other digests speaks for an image", "release/own.go", []Edit{{
		"range of.among(map[string][]attest.Artifact{at.Digest: hanging}, true) {", "range hanging {",
	}}},
	{"a provenance of another image speaks for this one", "release/own.go", []Edit{{"built.Image != where || ", `where == "" || `}}},
	{"a rollback moves tags up to what is half released", "release/back.go", []Edit{{" || v.Compare(q.Version) > 0", ""}}},
	{"a rollback moves no tag if one image has nothing to go back to", "release/back.go", []Edit{{"b.Kept = append(b.Kept, kept)", "return nil, errors.New(kept.String())"}}},
	{"a rollback does not say which versions it took back", "release/back.go", []Edit{{"p.Mark = append(p.Mark, next)", "_ = next"}}},
}
