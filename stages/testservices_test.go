package stages

import (
	"errors"
	"slices"
	"testing"
)

// TestKindOfService: an image is known by its name, and one of another name by the ports that it exposes.
func TestKindOfService(t *testing.T) {
	const postgres, mysql, redis = "postgresql://test:test@%s:5432/app", "mysql://root:test@%s:3306/app", "redis://%s:6379/0"
	for image, c := range map[string]struct {
		ports   []int // nil: the image is not asked
		port    int
		address string
	}{
		"postgres:17":                           {nil, 5432, postgres},
		"mirror.example/pgvector/pgvector:pg17": {nil, 5432, postgres},
		"mariadb@sha256:00":                     {nil, 3306, mysql},
		"rabbitmq:4-management":                 {nil, 5672, ""},
		"paradedb/paradedb:latest":              {[]int{5432}, 5432, postgres},
		"timescale/timescaledb-ha:pg17":         {[]int{5432, 8008, 8081}, 5432, postgres},
		"percona/percona-server:8":              {[]int{3306, 33060}, 3306, mysql},
		"eqalpha/keydb":                         {[]int{6379}, 6379, redis},
		"getmeili/meilisearch":                  {[]int{7700}, 7700, ""},
		"cloudamqp/lavinmq":                     {[]int{5672, 15672}, 0, ""},
		"acme/everything":                       {[]int{5432, 6379}, 0, ""},
		"acme/nothing":                          {[]int{}, 0, ""},
	} {
		about := &told{exposed: c.ports}
		kind, err := kindOf(image, about)
		if err != nil || kind.port != c.port || kind.address != c.address || about.asked != (c.ports != nil) {
			t.Errorf("%s on %v: got port %d and %q, asked %t, %v", image, c.ports, kind.port, kind.address, about.asked, err)
		}
		if c.address == postgres && !slices.Contains(kind.settings, pair{"POSTGRES_DB", "app"}) {
			t.Errorf("%s is set up with %q", image, kind.settings)
		}
	}
	// One that has its own user and database keeps them.
	if kind, err := kindOf("ghcr.io/acme/seeded-db:1", &told{exposed: []int{5432}, variable: "POSTGRES_USER"}); err != nil || kind.port != 5432 || kind.variable != "" || kind.settings != nil {
		t.Errorf("got %+v, %v", kind, err)
	}
	gone := errors.New("not found")
	if _, err := kindOf("acme/gone", &told{err: gone}); !errors.Is(err, gone) {
		t.Errorf("an image that cannot be asked: %v", err)
	}
}

// told is what an image says of itself.
type told struct {
	exposed  []int
	variable string
	err      error
	asked    bool
}

func (s *told) ports() ([]int, error) {
	s.asked = true
	return s.exposed, s.err
}

func (s *told) sets(variable string) (bool, error) { return variable == s.variable, s.err }
