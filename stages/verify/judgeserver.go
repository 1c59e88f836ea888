package verify

import (
	"dagger/slipway/stages/server"
)

// server: one that runs the version has to run what the registry has under it.
func (j *judge) server(seen server.Seen) {
	what, v := seen.Env.Name, j.Request.Version.String()
	current := seen.Status.Current
	switch {
	case seen.Err != nil:
		j.add(NotRead, what, "an answer", "%v", seen.Err)
		return
	case !seen.Status.Deployed:
		j.add(NotChecked, what, v, "nothing was deployed there by Slipway")
		return
	case current.Version != v:
		j.add(NotChecked, what, v, "it runs %s", current.Version)
		return
	}
	j.ofCommit("commit of "+what, current.Commit)
	for _, name := range j.Request.Images {
		ref, runs := current.Images[name]
		switch want := j.digest(name); {
		case !runs:
			j.add(NotChecked, what+" "+name, v, "its ledger does not name the image")
		case want == "":
			j.add(NotChecked, what+" "+name, "the digest in the registry, which is not known", "%s", short(server.ImageOf(name, ref).Digest))
		default:
			j.same(what+" "+name, want, server.ImageOf(name, ref).Digest)
		}
	}
	for _, s := range seen.Status.Services {
		if s.Drift != "" {
			j.add(Different, what+" service "+s.Name, "as it was deployed", "%s %s", s.Image, s.Drift)
		}
	}
}
