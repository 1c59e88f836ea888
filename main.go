// Slipway runs a team's release as one typed graph: validate, scan, test, build, push, tag, publish.
//
//	dagger call release --version 1.2.3            # a CI job's one line
//	dagger call release --version 1.2.3 --dry-run  # the same graph on a laptop, writing nothing
//
// Settings that never change go into a `.env` beside the dagger.json, under the arguments' own names, such as
// registry=ghcr.io/acme and registryToken=env://REGISTRY_TOKEN.
package main

import (
	"context"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages"
)

// Slipway releases one repository. Its fields are the settings, which Dagger keeps between constructor and function.
type Slipway struct {
	// +private
	Source *dagger.Directory
	// +private
	Registry string
	// +private
	RegistryUser string
	// +private
	RegistryToken *dagger.Secret
	// +private
	RegistryAuth *dagger.Secret
	// +private
	Images string
	// +private
	BuildArgs string
	// +private
	BuildSecrets *dagger.Secret
	// +private
	Platforms string
	// +private
	Backend string
	// +private
	Frontend string
	// +private
	TestServices string
	// +private
	TestVariables string
	// +private
	TestExtras string
	// +private
	TestImages string
	// +private
	BackendTests string
	// +private
	FrontendTests string
	// +private
	CoverageThreshold string
	// +private
	Severity string
	// +private
	MisconfigSeverity string
	// +private
	GateDev bool
	// +private
	GateUnfixed bool
	// +private
	IgnoreFile string
	// +private
	LicenceDeny string
	// +private
	Forge string
	// +private
	ForgeToken *dagger.Secret
	// +private
	Repository string
	// +private
	ReleasedIn string
	// +private
	Committer string
	// +private
	Categories string
	// +private
	TagPrefix string
	// +private
	VersionFiles string
	// +private
	ReleaseBranches string
	// +private
	ToolImages string
	// +private
	Staging string
	// +private
	Production string
	// +private
	SSHKey *dagger.Secret
	// +private
	SSHAgent *dagger.Socket
	// +private
	KnownHosts string
	// +private
	Bastion string
	// +private
	ComposeFile string
	// +private
	HealthURL string
	// +private
	VersionURL string
	// +private
	HealthTimeout string
	// +private
	BackupScript string
	// +private
	RestoreScript string
	// +private
	MigrateService string
	// +private
	StageTimeout string
	// +private
	SlackWebhookURL *dagger.Secret
	// +private
	NotifyURLs *dagger.Secret
	// +private
	CodecovToken *dagger.Secret
	// +private
	CodecovURL string
	// +private
	RunURL *dagger.Secret
	// +private
	Actor *dagger.Secret
	// +private
	SigningKey *dagger.Secret
	// +private
	SigningPassword *dagger.Secret
	// +private
	IdentityToken *dagger.Secret
	// +private
	IDTokenRequestURL *dagger.Secret
	// +private
	IDTokenRequestToken *dagger.Secret
	// +private
	Sigstore string
	// +private
	VerifyKey string
	// +private
	SignerIdentity string
	// +private
	SignerIssuer string
	// +private
	RequireSigned string
}

// New takes the settings of the repository.
func New(
	// The repository to release, with its .git: with -m, say --source=. for the one you are in.
	//
	// +defaultPath="/"
	// +ignore=["**/node_modules", "**/.venv", "**/__pycache__"]
	source *dagger.Directory,
	// Where the images go, such as ghcr.io/acme: the part of their names before the image's own. Needed unless dry.
	//
	// +optional
	registry string,
	// User name for the registry.
	//
	// +optional
	registryUser string,
	// Token or password for the registry, at least 8 characters, such as env://REGISTRY_TOKEN. Unset or empty: anonymous.
	//
	// +optional
	registryToken *dagger.Secret,
	// Credentials of other registries, which base images come from, in the form of Docker's config.json, such as
	// file://$HOME/.docker/config.json. Unset or empty: anonymous.
	//
	// +optional
	registryAuth *dagger.Secret,
	// Images to build, as name=context[:dockerfile][#target], separated by commas. The Dockerfile is relative to the context
	// and may lie outside of it. Empty: tag and release only.
	//
	// +default="backend=backend, frontend=frontend, arq-worker=backend:Dockerfile.worker"
	images string,
	// Build arguments, as image:NAME=value, separated by commas, such as frontend:NEXT_PUBLIC_API_URL=https://api.example.com.
	// In a value {version} stands for the version that is released, {commit} for the full commit id. VERSION is always given.
	//
	// +optional
	buildArgs string,
	// Secrets of the builds, as lines ID=value, for RUN --mount=type=secret,id=ID, such as file://build.env. A value has at
	// least 8 characters; it may stand in quotes, and has to where a # follows white space, which begins a comment. Unset or
	// empty: none.
	//
	// +optional
	buildSecrets *dagger.Secret,
	// Platforms of the images, whatever the engine runs on, such as linux/amd64, linux/arm64. Several make one index an image;
	// tests run on the first.
	//
	// +default="linux/amd64"
	platforms string,
	// Folder of the Python backend, or none to switch it off. Package manager (uv, Poetry, pdm, Pipenv, requirements files),
	// Python's version and runner are told by the files in it and the image's Dockerfile, and plan says by which. If the
	// default one is absent or holds no project, it is not applicable.
	//
	// +default="backend"
	backend string,
	// Folder of the JavaScript frontend, or none to switch it off. Package manager (npm, pnpm, yarn, bun), Node's version and
	// runner (vitest, jest) are told by the files in it and the image's Dockerfile. If the default one is absent or holds no
	// package.json, it is not applicable.
	//
	// +default="frontend"
	frontend string,
	// Services started beside the backend's tests under these names, such as postgres=postgres:17, redis=redis:8. The tests wait
	// until the port that is known, or the only one, answers, and find them in DATABASE_URL (PostgreSQL; user and password test, database app. MySQL, MariaDB; user
	// root, password test, database app) and REDIS_URL (Redis, Valkey), or under host name and port.
	//
	// +optional
	testServices string,
	// Variables for the tests, as NAME=value and paths of the repository's files with one a line, separated by commas, such as
	// .env.example, POSTGRES_SERVER=postgres. What comes later is stronger, and all of them are stronger than DATABASE_URL and
	// REDIS_URL of testServices. No secrets: they are part of what is cached.
	//
	// +optional
	testVariables string,
	// Groups and extras of Python dependencies to install for the tests, separated by commas, besides the default groups and
	// those called dev, test and tests.
	//
	// +optional
	testExtras string,
	// Images to run a side's tests in, built from the repository, as backend=context[:dockerfile][#target], frontend=....
	// Everything has to be installed in them. Empty: an image of the language, with what is locked.
	//
	// +optional
	testImages string,
	// Command that runs the backend's tests instead of ours, in the backend's folder. It may write a JUnit report to the file
	// in $JUNIT_XML and a Cobertura one to $COVERAGE_XML; without the first its exit code decides and tests are not counted.
	//
	// +optional
	backendTests string,
	// Command that runs the frontend's tests instead of ours, in the frontend's folder, with the same two variables.
	//
	// +optional
	frontendTests string,
	// Least share of covered lines, in percent, such as 80 or 82.5, for each side's tests. Empty: measured, not gated.
	//
	// +optional
	coverageThreshold string,
	// Severities of vulnerabilities that stop a release: CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN.
	//
	// +default="HIGH,CRITICAL"
	severity string,
	// Severities of misconfigurations that stop a release, where something is released: in the Dockerfiles of images and in
	// the compose file. All others are reported.
	//
	// +default="CRITICAL"
	misconfigSeverity string,
	// Let vulnerabilities of development dependencies stop a release too, instead of only counting them apart.
	//
	// +optional
	gateDev bool,
	// Let vulnerabilities without a fix stop a release too, instead of only reporting them.
	//
	// +optional
	gateUnfixed bool,
	// File of findings to ignore, in Trivy's YAML form; each entry needs a statement and an expired_at at most 90 days ahead.
	//
	// +default=".trivyignore.yaml"
	ignoreFile string,
	// Licences that stop a release, as SPDX names separated by commas, such as AGPL-3.0-only. Empty: reported only.
	//
	// +optional
	licenceDeny string,
	// Software of the forge: github, gitea, forgejo or gitlab. Empty: told by the repository's address.
	//
	// +optional
	forge string,
	// Token that may push tags and make releases on the forge, such as env://FORGE_TOKEN. Unset or empty: no Git release.
	//
	// +optional
	forgeToken *dagger.Secret,
	// Address of the repository's web page, such as https://forge.example/acme/shop. Empty: the Git remote origin.
	//
	// +optional
	repository string,
	// What is put on the pull requests of the notes and the issues that they close when the release is published: label
	// ("released in 1.2.3") or comment. It needs a forgeToken that may write issues. Empty: nothing. Prereleases: nothing.
	//
	// +optional
	releasedIn string,
	// Who tags and version commits are by.
	//
	// +default="Slipway <slipway@localhost.invalid>"
	committer string,
	// Sections of the notes with the labels and commit types that sort into them, such as
	// "🚀 Features: feature, feat; 🐛 Bug Fixes: bug, fix; 🔧 Other:". The last one takes everything else. Empty: five sections.
	// With a plus sign before them they are added to the five: "+⚡ Performance: perf, performance".
	//
	// +optional
	categories string,
	// What stands before the version in Git tags: v for v1.2.3, empty for 1.2.3, or such as shop-v for one product of several.
	//
	// +default="v"
	tagPrefix string,
	// Files that carry the version and must say the one being released; a missing one is left out, and so is 0.0.0 beside another
	// version. Besides manifests these are .txt files and VERSION with nothing but a version, and .py files with one line
	// __version__ = "1.2.3". Empty: the pyproject.toml and package.json of the two folders. none: the tag alone is the version.
	//
	// +optional
	versionFiles string,
	// Branches of the remote to release from besides its default one, separated by commas; * is anything but a slash.
	//
	// +default="release/*, hotfix/*"
	releaseBranches string,
	// Images of the tools Slipway runs, as name=image for cosign, docker, git, node, postgres, python, socat, trivy; each is
	// pinned by digest unless named here, such as git=mirror.example.com/git:2@sha256:...
	//
	// +optional
	toolImages string,
	// Server that every release is deployed to, as user@host[:port][/directory]; the directory is /opt/app unless named.
	//
	// +optional
	staging string,
	// Server that deploy --environment=production goes to, in the same form.
	//
	// +optional
	production string,
	// Private key that opens the servers, such as env://SSH_KEY; without a passphrase. Several may follow each other.
	//
	// +optional
	sshKey *dagger.Secret,
	// SSH agent that opens the servers instead of sshKey, such as --ssh-agent=$SSH_AUTH_SOCK.
	//
	// +optional
	sshAgent *dagger.Socket,
	// Lines of a known_hosts file with the servers' host keys (ssh-keyscan prints them). Needed for every server: one whose
	// key is unknown or has changed is refused.
	//
	// +optional
	knownHosts string,
	// Host to reach the servers through, as user@host[:port], or staging=HOST, production=HOST, as ProxyJump does: it takes
	// the same key, and its own host key has to be in knownHosts. Empty: directly.
	//
	// +optional
	bastion string,
	// Compose file of the repository, or staging=FILE, production=FILE. Its services use REGISTRY/NAME images.
	//
	// +default="docker-compose.prod.ip.yml"
	composeFile string,
	// Address that has to answer 200 for a server to be healthy, or staging=URL, production=URL; a redirect to another host
	// is none. Empty: health checks of the containers only.
	//
	// +optional
	healthUrl string,
	// Address whose answer has to mention the version, or staging=URL, production=URL.
	//
	// +optional
	versionUrl string,
	// How long a deployment waits for health, such as 90s, or staging=60s, production=3m: at least 15s, and less than
	// stageTimeout. The longest start_period and interval of a health check come on top, the Dockerfile's too.
	//
	// +default="60s"
	healthTimeout string,
	// Script of the repository that backs the database up to the file it is given, or to one of its own, and prints that
	// file's name. If it is missing, nothing is saved, and what has a migration is refused; none: somebody else makes the
	// backups.
	//
	// +default="scripts/backup_db.sh"
	backupScript string,
	// Script of the repository that restores the database from the file it is given; none: there is none.
	//
	// +default="scripts/restore_db.sh"
	restoreScript string,
	// Compose service that migrates the database and ends; run on its own before anything is replaced. None if no service does.
	//
	// +default="migrate"
	migrateService string,
	// How long one stage may take, such as 90m, at least 1m; one that hangs ends then.
	//
	// +default="45m"
	stageTimeout string,
	// Slack's incoming webhook that the team is told by, such as env://SLACK_WEBHOOK_URL. Unset or empty: nobody is told.
	//
	// +optional
	slackWebhookUrl *dagger.Secret,
	// Addresses of other chats and of mailboxes to tell, such as env://NOTIFY_URLS, in the notation of shoutrrr: discord://,
	// mattermost://, smtp://, teams:// and telegram://, with spaces or line breaks between them. Unset or empty: none.
	//
	// +optional
	notifyUrls *dagger.Secret,
	// Upload token of Codecov, such as env://CODECOV_TOKEN. Unset or empty: coverage is not uploaded.
	//
	// +optional
	codecovToken *dagger.Secret,
	// Address of a Codecov of your own. Empty: codecov.io.
	//
	// +optional
	codecovUrl string,
	// Address of this run in the CI, for those who read the message, such as env://RUN_URL. It is taken as a secret, because
	// that is how Dagger lets a setting name a variable. Unset or empty: not mentioned.
	//
	// +optional
	runUrl *dagger.Secret,
	// Who runs this, for lock, ledger, notes and message, such as env://ACTOR: one line of at most 100 characters; taken as a
	// secret for the same reason. Unset or empty: the committer.
	//
	// +optional
	actor *dagger.Secret,
	// Key that signs what is released: a private key of cosign (cosign generate-key-pair), such as env://COSIGN_PRIVATE_KEY, or
	// a reference to one in a key service (awskms, azurekms, gcpkms, gitlab, hashivault, k8s), with the credentials that the
	// service asks for as lines NAME=value under it. Unset or empty: see identityToken.
	//
	// +optional
	signingKey *dagger.Secret,
	// Password of the signing key, at least 8 characters. Unset or empty: it has none.
	//
	// +optional
	signingPassword *dagger.Secret,
	// Identity token of the CI job, made for the audience sigstore, to sign without a key, such as env://SIGSTORE_ID_TOKEN.
	// Unset or empty: not signed, unless by a key or by GitHub's pair.
	//
	// +optional
	identityToken *dagger.Secret,
	// Address at which a GitHub job gets its identity token, env://ACTIONS_ID_TOKEN_REQUEST_URL; taken as a secret, so that a
	// setting can name a variable. The job needs the permission id-token: write.
	//
	// +optional
	idTokenRequestUrl *dagger.Secret,
	// Token for that address: env://ACTIONS_ID_TOKEN_REQUEST_TOKEN.
	//
	// +optional
	idTokenRequestToken *dagger.Secret,
	// Folder of the repository with signing_config.json and trusted_root.json of a Sigstore of your own, to sign without a key.
	// Empty: the public one, which writes identity and digests into a log that everybody can read.
	//
	// +optional
	sigstore string,
	// Public key that signatures are checked with: a file of the repository, or a reference as in signingKey. Empty: cosign.pub,
	// if that file is there.
	//
	// +optional
	verifyKey string,
	// Who has to have signed without a key, such as https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/*; the *
	// is anything but a slash.
	//
	// +optional
	signerIdentity string,
	// Who vouches for that identity, such as https://token.actions.githubusercontent.com.
	//
	// +optional
	signerIssuer string,
	// Set off, it lets releases be unsigned. Empty: releases have to be signed as soon as verifyKey or signerIdentity is known.
	//
	// +optional
	requireSigned string,
) *Slipway {
	return &Slipway{
		Source: source, Registry: registry, RegistryUser: registryUser, RegistryToken: registryToken, RegistryAuth: registryAuth,
		Images: images, BuildArgs: buildArgs, BuildSecrets: buildSecrets, Platforms: platforms,
		Backend: backend, Frontend: frontend, TestServices: testServices, TestVariables: testVariables, TestExtras: testExtras,
		TestImages: testImages, BackendTests: backendTests, FrontendTests: frontendTests, CoverageThreshold: coverageThreshold,
		Severity: severity, MisconfigSeverity: misconfigSeverity, GateDev: gateDev, GateUnfixed: gateUnfixed, IgnoreFile: ignoreFile, LicenceDeny: licenceDeny,
		Forge: forge, ForgeToken: forgeToken, Repository: repository, ReleasedIn: releasedIn, Committer: committer,
		Categories: categories, TagPrefix: tagPrefix, VersionFiles: versionFiles, ReleaseBranches: releaseBranches, ToolImages: toolImages,
		Staging: staging, Production: production, SSHKey: sshKey, SSHAgent: sshAgent, KnownHosts: knownHosts, Bastion: bastion,
		ComposeFile: composeFile, HealthURL: healthUrl, VersionURL: versionUrl, HealthTimeout: healthTimeout,
		BackupScript: backupScript, RestoreScript: restoreScript, MigrateService: migrateService, StageTimeout: stageTimeout,
		SlackWebhookURL: slackWebhookUrl, NotifyURLs: notifyUrls, CodecovToken: codecovToken, CodecovURL: codecovUrl, RunURL: runUrl,
		Actor: actor, SigningKey: signingKey, SigningPassword: signingPassword, IdentityToken: identityToken,
		IDTokenRequestURL: idTokenRequestUrl, IDTokenRequestToken: idTokenRequestToken, Sigstore: sigstore,
		VerifyKey: verifyKey, SignerIdentity: signerIdentity, SignerIssuer: signerIssuer, RequireSigned: requireSigned,
	}
}

func (s *Slipway) pipeline() stages.Pipeline {
	return stages.Pipeline{Dag: dag, Settings: stages.Settings(*s)}
}

// Release the repository's last commit: check, test, build, push, tag, deploy to staging, publish, tell the team.
//
// Gates run in parallel and every failure is reported. Nothing is pushed before all are green; then all images are pushed
// under the tag of the commit, SBOM, provenance and signatures are attached, then they get the version, and the floating tags
// move when staging is healthy. What is not configured (forge, server, chat, signatures) is left out, and the table of stages
// that it prints says so.
//
// Run the same line again after any interruption: it continues from what it finds, and does nothing twice. A failure ends
// with exit code 1 and the same table in the error.
//
// +cache="never"
func (s *Slipway) Release(
	ctx context.Context,
	// Version to release, MAJOR.MINOR.PATCH[-prerelease], or the name of its tag; with or without a leading v.
	version string,
	// Run everything that writes nothing, on the files as they lie, and list what a real run would refuse or write.
	//
	// +optional
	dryRun bool,
	// Release although security scan, dependency check or slow tests fail. They are reported, and never as passed.
	//
	// +optional
	force bool,
	// Why it is forced, at least 10 visible characters; it is shown wherever the release is.
	//
	// +optional
	reason string,
	// How long to wait for a release of another version that is at work: minutes, or a duration such as 90s, at most 24h. One that
	// was killed is not waited for any longer than the three minutes until that is sure.
	//
	// +default="0"
	lockWait string,
) (string, error) {
	return s.pipeline().Release(ctx, stages.Options{
		Version: version, DryRun: dryRun, Force: force, Reason: reason, LockWait: lockWait,
	})
}

// Print what a release would do, from what git and the registry really hold.
//
// That is the previous version, the commits since, which tags would move from which digest, what would be written in which
// order, what each side is made of and which file says so, and what is configured. It runs no test and writes nothing.
//
// +cache="session"
func (s *Slipway) Plan(
	ctx context.Context,
	// Version to plan, MAJOR.MINOR.PATCH[-prerelease].
	version string,
) (string, error) {
	return s.pipeline().Plan(ctx, version)
}

// Check whether a release of this version would be refused (stage 1).
//
// It asks git, the registry, the forge and staging, and writes nothing: to know whether the registry's token may push, an
// upload is opened and given up.
//
// +cache="session"
func (s *Slipway) Validate(
	ctx context.Context,
	// Version to validate, MAJOR.MINOR.PATCH[-prerelease].
	version string,
) (string, error) {
	return s.pipeline().Validate(ctx, version)
}

// Scan the repository and the images with Trivy (stage 2).
//
// The repository for secrets and misconfiguration, the images for vulnerabilities and secrets; they are built first. A
// scanner that could not finish is an error, and never "clean".
//
// +cache="never"
// +check
func (s *Slipway) Scan(ctx context.Context) (string, error) {
	return s.pipeline().Scan(ctx)
}

// Check that lock files are in step, and the locked versions for vulnerabilities and licences (stage 3).
//
// +cache="never"
// +check
func (s *Slipway) Dependencies(ctx context.Context) (string, error) {
	return s.pipeline().Dependencies(ctx)
}

// Run the backend's tests, with pytest or the command in backendTests, and measure their coverage (stage 4).
//
// Tests marked `slow` run apart from the required ones, whose coverage counts: of what the project itself names as its
// source. It fails if a test fails, if none passed, or if coverage is below the threshold.
//
// +check
func (s *Slipway) TestBackend(ctx context.Context) (string, error) {
	return s.pipeline().TestBackend(ctx)
}

// Run the frontend's tests, with vitest, jest, bun or the command in frontendTests, and measure their coverage (stage 5).
//
// Files *.slow.test.* run apart from the required ones, whose coverage counts. It fails if a test fails, if none passed,
// or if coverage is below the threshold.
//
// +check
func (s *Slipway) TestFrontend(ctx context.Context) (string, error) {
	return s.pipeline().TestFrontend(ctx)
}

// Return the reports of the backend's required tests as a folder, red ones too.
//
// It holds junit.xml, and coverage.xml (Cobertura) and html/ where pytest-cov or coverage is installed; with the command in
// backendTests, what that writes. Write it to disk with: backend-reports export --path=reports
func (s *Slipway) BackendReports(ctx context.Context) (*dagger.Directory, error) {
	return s.pipeline().BackendReports(ctx)
}

// Return the reports of the frontend's required tests as a folder, red ones too.
//
// Of vitest it holds junit.xml, and coverage.xml (Cobertura) and html/ where a provider of coverage is installed; of jest, also
// that of react-scripts, jest.json, coverage.xml and html/; of bun junit.xml alone; with the command in frontendTests, what that
// writes. Write it to disk with: frontend-reports export --path=reports
func (s *Slipway) FrontendReports(ctx context.Context) (*dagger.Directory, error) {
	return s.pipeline().FrontendReports(ctx)
}

// Build one image of the setting `images` and return it, for a look at it.
//
// It is built for all of the setting `platforms`, and the first of them is returned.
func (s *Slipway) Image(
	ctx context.Context,
	// Its name in the setting, such as backend.
	name string,
) (*dagger.Container, error) {
	return s.pipeline().Image(ctx, name)
}

// Run stages 1 to 6 only: all gates, then push all images under the version; no floating tag moves.
//
// +cache="never"
func (s *Slipway) Publish(
	ctx context.Context,
	// Version to publish, MAJOR.MINOR.PATCH[-prerelease].
	version string,
) (string, error) {
	return s.pipeline().Publish(ctx, version)
}

// Print the notes of the commits between two releases, from git alone.
func (s *Slipway) Changelog(
	ctx context.Context,
	// Version to start after; the release before the argument to when it is not given.
	//
	// +optional
	from string,
	// Version to end with; the last commit when it is not given.
	//
	// +optional
	to string,
	// Format of the notes: markdown, or json by the schema stages/changelog/notes.schema.json.
	//
	// +default="markdown"
	format string,
) (string, error) {
	return s.pipeline().Changelog(ctx, from, to, format)
}

// Return the change that makes all version files and their lock files say the next version.
//
// What CHANGELOG.md calls unreleased, and the fragments of towncrier, changie or changesets, become the section of a stable
// version there. The dagger command shows all of it and asks before it writes; whatever else the files hold stays as it is.
//
// +cache="session"
func (s *Slipway) Bump(
	ctx context.Context,
	// Part of the version to raise: major, minor, patch or prerelease.
	//
	// +optional
	kind string,
	// The next version itself, instead of a kind: MAJOR.MINOR.PATCH[-prerelease].
	//
	// +optional
	version string,
	// Series of a prerelease: alpha, beta, rc or dev. Not given: the current one goes on.
	//
	// +optional
	preid string,
) (*dagger.Changeset, error) {
	return s.pipeline().Bump(ctx, stages.Next{Kind: kind, Version: version, Preid: preid})
}

// Print which version the commits since the last release call for, and why.
func (s *Slipway) NextVersion(ctx context.Context) (string, error) {
	return s.pipeline().NextVersion(ctx)
}

// Keep one draft release on the forge up to date with what the next release brings: for the CI of the main branch.
//
// The draft is of the version that next-version proposes, with the notes so far; both follow every merge. What people write
// into it stays, and the next release that is the highest stable version, whichever that is then, makes it its own; backports
// leave it alone. The draft is of the default branch: on a commit of another one, or overtaken by a later commit or by a
// release, a run writes nothing, says why and is green. It needs forgeToken, and a forge with drafts: GitLab has none.
//
// +cache="never"
func (s *Slipway) Draft(ctx context.Context) (string, error) {
	return s.pipeline().Draft(ctx)
}

// Check, commit the version bump, tag it, and push both together: this starts a release in CI.
//
// All gates run on the bumped files first. Then one atomic push adds the commit and the annotated tag to the branch that is
// checked out, or neither of them. A protected branch gets a pull request with the bump instead, and nothing is released.
// Without a kind and a version it prints the proposals and writes nothing.
//
// +cache="never"
func (s *Slipway) CreateRelease(
	ctx context.Context,
	// Part of the version to raise: major, minor, patch or prerelease.
	//
	// +optional
	kind string,
	// The version itself, instead of a kind: MAJOR.MINOR.PATCH[-prerelease].
	//
	// +optional
	version string,
	// Series of a prerelease: alpha, beta, rc or dev. Not given: the current one goes on.
	//
	// +optional
	preid string,
) (string, error) {
	return s.pipeline().CreateRelease(ctx, stages.Next{Kind: kind, Version: version, Preid: preid})
}

// Deploy a published version to a server, health-gated.
//
// To staging go the images under the version's tag; to production exactly the digests that staging ran healthy. The images
// are pulled, the database is backed up and migrated, and the new containers start beside the old ones, which stop only when
// the new ones are healthy; plan names the services that cannot run twice. If the new version is not healthy, the old one
// goes on or comes back, and the call fails, saying so.
//
// +cache="never"
func (s *Slipway) Deploy(
	ctx context.Context,
	// Where to: staging or production.
	environment string,
	// Version to deploy, MAJOR.MINOR.PATCH[-prerelease]; it has to be in the registry.
	version string,
) (string, error) {
	return s.pipeline().Deploy(ctx, stages.DeployOptions{Environment: environment, Version: version})
}

// Verify a release as somebody does who believes none of it.
//
// Tag, images, signatures, SBOM and provenance, the files of the release's page, floating tags and what runs on the servers are
// compared with each other, and the signatures with verifyKey or signerIdentity. One table is printed: every difference fails
// the call, and what could not be checked is named. It needs no token for what is public, and writes nothing.
//
// +cache="never"
func (s *Slipway) Verify(
	ctx context.Context,
	// Version to verify, MAJOR.MINOR.PATCH[-prerelease].
	version string,
) (string, error) {
	return s.pipeline().Verify(ctx, version)
}

// Try deployment and rollback on a throw-away server inside Dagger, without a server of yours.
//
// The images are built, then really deployed: a first time, as an upgrade, as a failing one that has to leave the old
// version running, and back again with the database. The engine has to allow a Docker daemon inside of it.
//
// +cache="never"
func (s *Slipway) Rehearse(
	ctx context.Context,
	// Version to rehearse, MAJOR.MINOR.PATCH[-prerelease].
	version string,
	// The .env that the compose file needs on a server, such as file://.env.rehearsal.
	//
	// +optional
	envFile *dagger.Secret,
) (string, error) {
	return s.pipeline().Rehearse(ctx, version, envFile)
}

// Print what runs on a server: version, health, containers, whether anybody has changed them, and the ledger.
//
// Without an environment it prints one view over both servers, and which versions are ready to be promoted from staging to
// production. A server that cannot be read is shown as such, and the call fails in the end. One that is NOT HEALTHY was read, so
// that the call succeeds: a script has to look for these words.
//
// +cache="never"
func (s *Slipway) Status(
	ctx context.Context,
	// Which server: staging or production. Not given: both, in short.
	//
	// +optional
	environment string,
) (string, error) {
	return s.pipeline().Status(ctx, environment)
}

// Bring an older version back: its images, and the database and the code if asked for.
//
// Everything is found first (version, images, backup, schema, scripts), and nothing is changed if anything is missing. The older
// version's containers start beside those that run. After a production rollback every version above it, up to the one that
// was left, is withdrawn: floating tags go back, the forge says so.
//
// +cache="never"
func (s *Slipway) Rollback(
	ctx context.Context,
	// Where: staging or production.
	environment string,
	// Why, for the ledger, the forge and the team; at least 10 visible characters.
	reason string,
	// Version to go back to. Not given: the healthy one under the present one on the way that led to it, by the server's
	// ledger; what was rolled away from is not on it.
	//
	// +optional
	to string,
	// Backup to restore: a file in the server's folder, or the word recorded for what the version gone back to has left.
	// What was written since is lost. What may write stops, a safety backup is made, and put back if the restore fails. Added
	// to the line of a rollback that is done, it brings the database back as well. Not given: no restore.
	//
	// +optional
	restoreDb string,
	// Let the older version run on the schema that the database has now, though it ran on another, or nobody knows.
	//
	// +optional
	allowSchemaAhead bool,
	// Open a pull request that reverts what the release brought, from branch hotfix/rollback-TAG.
	//
	// +optional
	revertCode bool,
) (string, error) {
	return s.pipeline().Rollback(ctx, stages.RollbackOptions{
		Environment: environment, Reason: reason, To: to, RestoreDB: restoreDb, AllowSchemaAhead: allowSchemaAhead, RevertCode: revertCode,
	})
}

// Run the pre-release checklist, all points at once, and print what each rests on.
//
// Tests, linters (ruff, the frontend's own script lint, Trivy on Dockerfiles), dependencies, versions, documentation and
// notes; whether staging runs this version and the team was told is `later` before the release. Writes nothing.
//
// +cache="never"
func (s *Slipway) Checklist(
	ctx context.Context,
	// Version that is to be released, MAJOR.MINOR.PATCH[-prerelease].
	version string,
) (string, error) {
	return s.pipeline().Checklist(ctx, version)
}

// Run the linters: ruff for Python, the frontend's own script lint, Trivy for Dockerfiles.
//
// +cache="never"
// +check
func (s *Slipway) Lint(ctx context.Context) (string, error) {
	return s.pipeline().Lint(ctx)
}

// Print the report of this repository's last run on this engine that was to change something, failed and dry ones included.
//
// +cache="never"
func (s *Slipway) Report(
	ctx context.Context,
	// Format of the report: text, markdown (a step summary), json, html (one file), or github (workflow commands).
	//
	// +default="text"
	format string,
) (string, error) {
	return s.pipeline().Report(ctx, format)
}
