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
		kind, err := kindOf(p.value, image{service, ctx})
		if err != nil {
			return nil, fmt.Errorf("the test service %s=%s: %w", p.name, p.value, err)
		}
		for _, v := range kind.settings {
			service = service.WithEnvVariable(v.name, v.value)
		}
		if kind.variable != "" {
			c = c.WithEnvVariable(kind.variable, fmt.Sprintf(kind.address, p.name))
		}
		if kind.port != 0 {
			service = service.WithExposedPort(kind.port) // Dagger waits for no port that only the image exposes
		}
		c = c.WithServiceBinding(p.name, service.AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true}))
	}
	return r.withVariables(c), nil
}

// about is what an image says of itself.
type about interface {
	ports() ([]int, error)
	sets(variable string) (bool, error)
}

// kindOf goes by an image's name, and asks one of another name which ports it exposes. One that is set up already stays so.
func kindOf(ref string, about about) (serviceKind, error) {
	name := imageName(ref)
	for _, k := range serviceKinds {
		if slices.Contains(k.images, name) {
			return k, nil
		}
	}
	ports, err := about.ports()
	if err != nil {
		return serviceKind{}, err
	}
	kind := kindOn(ports)
	for _, v := range kind.settings {
		if own, err := about.sets(v.name); own || err != nil {
			return serviceKind{port: kind.port}, err
		}
	}
	return kind, nil
}

// kindOn is what answers on the one port of some that applications know. Any other port has to be the only one, because of
// several some may be closed.
func kindOn(ports []int) serviceKind {
	known := slices.DeleteFunc(slices.Clone(serviceKinds), func(k serviceKind) bool {
		return k.variable == "" || !slices.Contains(ports, k.port)
	})
	switch {
	case len(known) == 1:
		return known[0]
	case len(ports) == 1:
		return serviceKind{port: ports[0]}
	}
	return serviceKind{}
}

// image is one that the engine knows.
type image struct {
	*dagger.Container
	ctx context.Context
}

func (i image) sets(variable string) (bool, error) {
	value, err := i.EnvVariable(i.ctx, variable)
	return value != "", err
}

func (i image) ports() (numbers []int, err error) {
	ports, err := i.ExposedPorts(i.ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		protocol, err := p.Protocol(i.ctx)
		if err != nil {
			return nil, err
		}
		number, err := p.Port(i.ctx)
		if err != nil {
			return nil, err
		}
		if protocol == dagger.NetworkProtocolTcp {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

// imageName is the last word of a reference, without tag and digest.
func imageName(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(path.Base(name), ":")
	return name
}
