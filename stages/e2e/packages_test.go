package e2e

import "testing"

// TestPackageLockOutOfStep changes package.json alone, so that npm refuses to install at all.
func TestPackageLockOutOfStep(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	s.Replace(t, "frontend/package.json", `"devDependencies": {`, `"dependencies": { "lodash": "4.17.21" }, "devDependencies": {`)
	s.Commit(t, "feat: use lodash")
	refused(t, s.Call(t, "dependencies"), "Outcome: gate-fail",
		`Dependency Check failed: manifest and lock file are out of step: dependencies has "lodash" "4.17.21", frontend/package-lock.json does not: run "npm install --package-lock-only --prefix frontend"`)
}
