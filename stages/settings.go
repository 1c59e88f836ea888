package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/version"
)

// Settings are what a repository says about itself once: a field for each argument of the module's constructor.
type Settings struct {
	Source            *dagger.Directory
	Registry          string
	RegistryUser      string
	RegistryToken     *dagger.Secret
	RegistryAuth      *dagger.Secret
	Images            string
	BuildArgs         string
	BuildSecrets      *dagger.Secret
	Platforms         string
	Backend           string
	Frontend          string
	TestServices      string
	TestVariables     string
	TestExtras        string
	TestImages        string
	BackendTests      string
	FrontendTests     string
	CoverageThreshold string
	Severity          string
	MisconfigSeverity string
	GateDev           bool
	GateUnfixed       bool
	IgnoreFile        string
	LicenceDeny       string
	Forge             string
	ForgeToken        *dagger.Secret
	Repository        string
	ReleasedIn        string
	Committer         string
	Categories        string
	TagPrefix         string
	VersionFiles      string
	ReleaseBranches   string
	ToolImages        string
	Staging           string
	Production        string
	SSHKey            *dagger.Secret
	SSHAgent          *dagger.Socket
	KnownHosts        string
	Bastion           string
	ComposeFile       string
	HealthURL         string
	VersionURL        string
	HealthTimeout     string
	BackupScript      string
	RestoreScript     string
	MigrateService    string
	StageTimeout      string
	SlackWebhookURL   *dagger.Secret
	NotifyURLs        *dagger.Secret
	CodecovToken      *dagger.Secret
	CodecovURL        string
	RunURL            *dagger.Secret
	Actor             *dagger.Secret

	SigningKey          *dagger.Secret
	SigningPassword     *dagger.Secret
	IdentityToken       *dagger.Secret
	IDTokenRequestURL   *dagger.Secret
	IDTokenRequestToken *dagger.Secret
	Sigstore            string
	VerifyKey           string
	SignerIdentity      string
	SignerIssuer        string
	RequireSigned       string
}

// config is the settings, read: a field for each that is more than the text it was given as.
type config struct {
	Settings
	images       []Image
	buildArgs    map[string][]pair // by image
	platforms    []dagger.Platform
	services     []pair
	tools        map[string]string
	toolNamed    map[string]bool // by the setting
	testImages   map[string]Image
	testCommands map[string]string
	testExtras   []string

	testVariables []testVariable
	policy        gate.Policy
	categories    []changelog.Category
	backend       folder
	frontend      folder
	tagPrefix     version.TagPrefix
	versionFiles  []string
	committer     committer
	branches      []string // patterns of release branches besides the default branch
	environments  map[string]environment
	composeFiles  map[string]string
	stageTimeout  time.Duration

	healthTimeouts map[string]time.Duration
}

// folder is where tests live. One that was not named and is not there is not applicable; one that was named must be there.
type folder struct {
	path     string
	named    bool
	off      bool
	manifest string // what such a folder holds, for messages
}

const (
	defaultBackend  = "backend"
	defaultFrontend = "frontend"

	defaultMisconfigSeverity = "CRITICAL"
)

// read checks every setting and reports all that are wrong, not only the first.
func (s Settings) read() (config, error) {
	s = s.withLists()
	c := config{Settings: s,
		backend:      folderOf(s.Backend, defaultBackend, "pyproject.toml, setup.py, Pipfile or requirements.txt"),
		frontend:     folderOf(s.Frontend, defaultFrontend, "package.json"),
		testCommands: map[string]string{backendSide: strings.TrimSpace(s.BackendTests), frontendSide: strings.TrimSpace(s.FrontendTests)},
		testExtras:   slices.Collect(splitList(s.TestExtras)),
	}
	var wrong []error
	set := func(name string, err error) {
		err = wrongSetting(name, err)
		if err != nil && !slices.ContainsFunc(wrong, func(w error) bool { return w.Error() == err.Error() }) {
			wrong = append(wrong, err) // once, though it is for both servers
		}
	}
	var err error
	c.images, err = ParseImages(s.Images)
	set("images", err)
	if err == nil {
		c.buildArgs, err = parseBuildArgs(s.BuildArgs, c.images)
		set("buildArgs", err)
	}
	c.platforms, err = parsePlatforms(s.Platforms)
	set("platforms", err)
	c.services, err = parsePairs(s.TestServices, "redis=redis:8")
	set("testServices", err)
	c.tools, c.toolNamed, err = parseTools(s.ToolImages)
	set("toolImages", err)
	c.testImages, err = parseTestImages(s.TestImages)
	set("testImages", err)
	c.testVariables, err = parseTestVariables(s.TestVariables)
	set("testVariables", err)
	c.policy, err = gate.NewPolicy(s.Severity, s.GateUnfixed, s.LicenceDeny)
	set("severity or licenceDeny", err)
	set("misconfigSeverity", c.policy.SetMisconfigurations(orDefault(s.MisconfigSeverity, defaultMisconfigSeverity)))
	c.policy.Dev = s.GateDev
	c.categories, err = changelog.ParseCategories(s.Categories)
	set("categories", err)
	_, err = gate.Threshold(s.CoverageThreshold)
	set("coverageThreshold", err)
	c.tagPrefix, err = version.ParseTagPrefix(s.TagPrefix)
	set("tagPrefix", err)
	c.versionFiles, err = parseVersionFiles(s.VersionFiles, c.backend, c.frontend)
	set("versionFiles", err)
	c.committer, err = parseCommitter(s.Committer)
	set("committer", err)
	set("releasedIn", checkReleasedIn(s.ReleasedIn, c.tagPrefix))
	c.branches, err = parseBranches(s.ReleaseBranches)
	set("releaseBranches", err)
	set("codecovUrl", checkURL(s.CodecovURL))
	s.readSigning(set)
	c.stageTimeout, c.healthTimeouts = s.readTimes(set)
	c.environments, c.composeFiles = s.readEnvironments(set, c.healthTimeouts)
	c.policy.Released = slices.AppendSeq(releasedFiles(c.images), maps.Values(c.composeFiles))
	for name, value := range map[string]string{"backend": c.backend.path, "frontend": c.frontend.path, "ignoreFile": s.IgnoreFile, "backupScript": s.BackupScript, "restoreScript": s.RestoreScript} {
		set(name, checkPath(value))
	}
	return c, errors.Join(wrong...)
}

// parseVersionFiles reads paths; none means that the tag alone is the version.
func parseVersionFiles(setting string, backend, frontend folder) ([]string, error) {
	if setting == project.Off {
		return nil, nil
	}
	files, err := parsePaths(setting)
	if len(files) == 0 {
		files = manifests(backend, frontend)
	}
	return files, err
}

// manifests are the files in which the two sides say their version, unless others are named.
func manifests(backend, frontend folder) (files []string) {
	for _, side := range []struct {
		folder
		name string
	}{{backend, "pyproject.toml"}, {frontend, "package.json"}} {
		if !side.off {
			files = append(files, path.Join(side.path, side.name))
		}
	}
	return files
}

func wrongSetting(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("setting %s: %w", name, err)
}

// withLists writes settings that arrive as a JSON array of strings as the lists that they are: `dagger settings` of Dagger
// 1.0 splits every value at its commas.
func (s Settings) withLists() Settings {
	for fields, i := reflect.ValueOf(&s).Elem(), 0; i < fields.NumField(); i++ {
		field := fields.Field(i)
		if field.Kind() != reflect.String || !strings.HasPrefix(field.String(), "[") {
			continue
		}
		var items []string
		if json.Unmarshal([]byte(field.String()), &items) == nil {
			field.SetString(strings.Join(items, ","))
		}
	}
	return s
}

func folderOf(setting, standard, manifest string) folder {
	if setting == "" {
		setting = standard
	}
	return folder{path: path.Clean(setting), named: setting != standard, off: setting == project.Off, manifest: manifest}
}

// releasedFiles are the Dockerfiles of the images.
func releasedFiles(images []Image) (files []string) {
	for _, i := range images {
		files = append(files, i.path())
	}
	return files
}
