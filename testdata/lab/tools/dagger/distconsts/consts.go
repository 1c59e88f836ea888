// Package distconsts supplies the build constants of the Dagger engine, whose own module is not published.
// Every path lies under /run/slipway-lab, where the lab mounts its folder in the engine's own mount namespace.
package distconsts

const (
	root = "/run/slipway-lab"

	RuncPath                         = root + "/bin/runc"
	DaggerInitPath                   = root + "/bin/init"
	EngineDefaultStateDir            = root + "/state"
	EngineContainerBuiltinContentDir = root + "/content"
	EngineCustomCACertsDir           = root + "/no-extra-ca"
	DefaultEngineSockAddr            = "unix://" + root + "/engine.sock"
	EngineContainerName              = "slipway-lab-engine"

	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"

	AlpineVersion        = "3.22.1"
	AlpineImage          = "alpine:" + AlpineVersion
	GolangVersion        = "1.25.5"
	GolangImage          = "golang:" + GolangVersion + "-alpine"
	BusyboxVersion       = "1.37.0"
	BusyboxImage         = "busybox:" + BusyboxVersion
	OCIVersionAnnotation = "org.opencontainers.image.version"
)
