// Package enginetest lets unit tests link the generated client without an engine: the client looks for its session when
// it is initialized. Importing nothing but os, this package is initialized before it.
package enginetest

import "os"

func init() {
	if _, ok := os.LookupEnv("DAGGER_SESSION_PORT"); !ok {
		os.Setenv("DAGGER_SESSION_PORT", "1")
		os.Setenv("DAGGER_SESSION_TOKEN", "unit-test")
	}
}
