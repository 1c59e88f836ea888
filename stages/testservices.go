package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
)

// serviceKind is what is known of images of some names.
type serviceKind struct {
	images   []string
	port     int    // on which they answer as soon as they can be used
	settings []pair // variables that set them up
	variable string // by which applications find them
	address  string // its value, where %s is the service's name
}

// The database is not called as the user is, because test suites like to replace the one name in the address.
var serviceKinds = []serviceKind{
	{
		images:   []string{"postgres", "postgis", "pgvector", "timescaledb"},
		port:     5432,
		settings: []pair{{"POSTGRES_USER", "test"}, {"POSTGRES_PASSWORD", "test"}, {"POSTGRES_DB", "app"}},
		variable: "DATABASE_URL", address: "postgresql://test:test@%s:5432/app",
	},
	{
		images:   []string{"mysql", "mariadb"},
		port:     3306,
		settings: []pair{{"MYSQL_ROOT_PASSWORD", "test"}, {"MYSQL_DATABASE", "app"}},
		variable: "DATABASE_URL", address: "mysql://root:test@%s:3306/app", // another user may not make the databases that Django tests in
	},
	{images: []string{"redis", "valkey"}, port: 6379, variable: "REDIS_URL", address: "redis://%s:6379/0"},
	{images: []string{"rabbitmq"}, port: 5672}, // its image exposes ports on which it does not listen
}

// withServices starts the test services beside the tests, under the names of the setting, for one suite each, and has the tests
// wait until they answer. What the settings say of a variable is stronger than what is known of a service.
func (r *Run) withServices(ctx context.Context, c *dagger.Container, suite string) (*dagger.Container, error) {
	for _, p := range r.config.services {
		service := r.dag.Container().From(p.value).WithEnvVariable("SLIPWAY_SUITE", suite)
		kind := kindOf(p.value)
		for _, v := range kind.settings {
			service = service.WithEnvVariable(v.name, v.value)
		}
		if kind.variable != "" {
			c = c.WithEnvVariable(kind.variable, fmt.Sprintf(kind.address, p.name))
		}
		port, err := kind.port, error(nil)
		if port == 0 {
			port, err = onlyPort(ctx, service)
		}
		if err != nil {
			return nil, fmt.Errorf("the test service %s=%s: %w", p.name, p.value, err)
		}
		if port != 0 {
			service = service.WithExposedPort(port) // Dagger waits for no port that only the image exposes
		}
		c = c.WithServiceBinding(p.name, service.AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true}))
	}
	return r.withVariables(c), nil
}

// kindOf is empty for an image of another name.
func kindOf(ref string) serviceKind {
	name := imageName(ref)
	for _, k := range serviceKinds {
		if slices.Contains(k.images, name) {
			return k
		}
	}
	return serviceKind{}
}

// onlyPort is 0 for an image that exposes several, of which some may be closed, or none.
func onlyPort(ctx context.Context, c *dagger.Container) (int, error) {
	ports, err := c.ExposedPorts(ctx)
	if err != nil || len(ports) != 1 {
		return 0, err
	}
	protocol, err := ports[0].Protocol(ctx)
	if err != nil || protocol != dagger.NetworkProtocolTcp {
		return 0, err
	}
	return ports[0].Port(ctx)
}

// imageName is the last word of a reference, without tag and digest.
func imageName(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(path.Base(name), ":")
	return name
}
