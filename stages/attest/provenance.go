package attest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Names of our own in provenance, under a domain that belongs to nobody and so never to somebody else. What a build of
// this type is says .github/docs/signatures.md.
const (
	BuildType = "https://slipway.example/build/v1"
	// Laptop is the builder where no CI says who has built: SLSA level 1, and no more.
	Laptop = "https://slipway.example/laptop"
)

// Made is how an image was made: what anybody may read of it.
type Made struct {
	Asked     Asked
	Reused    bool     // found in the registry: another run of this commit has built it
	Unpinned  []string // what the Dockerfile takes from elsewhere by a name that moves
	Materials []Material
	Builder   string // see Builder
	Run       string // the run's page or number
	Started   time.Time
	Finished  time.Time
}

// Asked is what the build was asked for. Whoever verifies a release holds it against what they expect, so no field is added without
// a new build type.
type Asked struct {
	Version    string     `json:"version"`
	Image      string     `json:"image"`
	Context    string     `json:"context"`
	Dockerfile string     `json:"dockerfile"`
	Target     string     `json:"target,omitempty"`
	Platforms  []string   `json:"platforms"`
	Arguments  []Argument `json:"buildArguments,omitempty"`
	Secrets    []string   `json:"buildSecrets,omitempty"` // by their names
}

// Argument is a build argument. One that may be a secret has no value here.
type Argument struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// Material is something that the image was made of or with.
type Material struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// provenance is a SLSA predicate, version 1.
type provenance struct {
	Definition definition `json:"buildDefinition"`
	Details    details    `json:"runDetails"`
}

type definition struct {
	BuildType string     `json:"buildType"`
	External  Asked      `json:"externalParameters"`
	Internal  internal   `json:"internalParameters"`
	Materials []Material `json:"resolvedDependencies"`
}

type internal struct {
	Reused   bool     `json:"reused"`
	Unpinned []string `json:"unpinned,omitempty"`
}

type details struct {
	Builder  builder  `json:"builder"`
	Metadata metadata `json:"metadata"`
}

type builder struct {
	ID string `json:"id"`
}

type metadata struct {
	Invocation string    `json:"invocationId"`
	Started    time.Time `json:"startedOn"`
	Finished   time.Time `json:"finishedOn"`
}

// Predicate writes it down as SLSA has it. hide takes secrets out of a text: none of what is written is believed to have none.
func (m Made) Predicate(hide func(string) string) (json.RawMessage, error) {
	arguments := slices.Clone(m.Asked.Arguments)
	for n, a := range arguments {
		arguments[n].Value = sayable(a, hide)
	}
	m.Asked.Arguments = arguments
	text, err := json.Marshal(provenance{
		definition{BuildType, m.Asked, internal{m.Reused, m.Unpinned}, m.Materials},
		details{builder{m.Builder}, metadata{m.Run, m.Started.UTC().Truncate(time.Second), m.Finished.UTC().Truncate(time.Second)}},
	})
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(hidden(v, hide))
}

// hidden takes secrets out of every text, however deep.
func hidden(v any, hide func(string) string) any {
	switch v := v.(type) {
	case string:
		return hide(v)
	case []any:
		for n := range v {
			v[n] = hidden(v[n], hide)
		}
	case map[string]any:
		for name := range v {
			v[name] = hidden(v[name], hide)
		}
	}
	return v
}

var (
	secretName  = regexp.MustCompile(`(?i)token|secret|passw|passphrase|credential|auth|cookie|private|apikey|dsn|(?:^|_)(?:key|pat|pwd|pass|cert|license)(?:_|$)`)
	secretValue = regexp.MustCompile(`://[^/\s]*@|[?&;][A-Za-z_.-]+=|-----BEGIN|^(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|npm_|pypi-|sk-|sk_|AKIA|eyJ)|^[A-Za-z0-9+/_-]{32,}={0,2}$`)
)

// sayable is the argument's value, unless something about it looks like a secret: people put some there, and what was attached to
// an image cannot be taken back.
func sayable(a Argument, hide func(string) string) string {
	if secretName.MatchString(a.Name) || secretValue.MatchString(a.Value) || hide(a.Value) != a.Value {
		return ""
	}
	return a.Value
}

// Builder names who has built, as far as a run can know: by the identity that signs for the job, else by the page of the run
// without what is this run's alone; nobody's page is a laptop.
func Builder(identity, page string) string {
	if identity != "" {
		return identity
	}
	u, err := url.Parse(page)
	if err != nil || u.Host == "" {
		return Laptop
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if n := slices.IndexFunc(parts, ownOfRun); n >= 0 {
		parts = parts[:n]
	}
	return strings.TrimSuffix((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + strings.Join(parts, "/")}).String(), "/")
}

// ownOfRun recognises the first part of an address that only one run has, or that is GitLab's word for what follows a project.
func ownOfRun(part string) bool {
	return part == "-" || runNumber.MatchString(part)
}

var runNumber = regexp.MustCompile(`^(?:[0-9]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// Built is what a provenance says of a build, and nobody has to believe.
type Built struct {
	Image, Version string
	Commits        []string
	Builder        string
	Reused         bool // it was found in the registry
}

// ReadProvenance reads what is compared of a provenance, ours or another's.
func ReadProvenance(predicate json.RawMessage) (Built, error) {
	var p struct {
		Definition struct {
			External struct {
				Version string `json:"version"`
				Image   string `json:"image"`
			} `json:"externalParameters"`
			Internal struct {
				Reused bool `json:"reused"`
			} `json:"internalParameters"`
			Materials []struct {
				Digest map[string]string `json:"digest"`
			} `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Run struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
	}
	err := json.Unmarshal(predicate, &p)
	b := Built{Image: p.Definition.External.Image, Version: p.Definition.External.Version, Builder: p.Run.Builder.ID, Reused: p.Definition.Internal.Reused}
	for _, m := range p.Definition.Materials {
		if commit := m.Digest["gitCommit"]; commit != "" {
			b.Commits = append(b.Commits, commit)
		}
	}
	return b, err
}
