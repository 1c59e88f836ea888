package e2e

import "testing"

// TestRehearse deploys, upgrades, fails and goes back on a server that lives inside Dagger.
func TestRehearse(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	s.Write(t, ".env.rehearsal", "POSTGRES_PASSWORD=rehearsal\n")
	r := s.Call(t, "rehearse", "--version=1.2.3", "--env-file=file://"+s.Dir+"/.env.rehearsal")
	green(t, r, "1.2.3-rehearsal.1 is healthy, first deployment", "1.2.3-rehearsal.2 is healthy, after 1.2.3-rehearsal.1",
		"refused as it should be: 1.2.3-rehearsal.2 was never stopped and still runs", "database restored from backup/", "Outcome: passed")

	s.Write(t, "docker-compose.prod.ip.yml", "services: {backend: {image: '${REGISTRY:-localhost:5000}/backend:${VERSION:-latest}'}}\n")
	s.Git(t, "rm", "-q", "-r", "scripts") // which ask a database
	s.Replace(t, "backend/Dockerfile", `"shop.app:app"`, `"shop.nowhere:app"`)
	s.Commit(t, "feat: an application that does not start")
	red(t, s.Call(t, "--images=backend=backend", "rehearse", "--version=1.2.3"), "First Deployment failed: not healthy", `Could not import module "shop.nowhere"`)
}
