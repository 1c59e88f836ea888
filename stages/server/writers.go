package server

import (
	"context"
	"slices"
	"strings"
)

// databasePorts are those that images of databases expose, by which Docker itself tells what a container is.
var databasePorts = []string{
	"5432", "6432", // PostgreSQL, PgBouncer
	"3306", "33060", // MySQL, MariaDB
	"1433", "1521", // SQL Server, Oracle
	"27017",         // MongoDB
	"26257", "9042", // CockroachDB, Cassandra
	"8123", "8086", // ClickHouse, InfluxDB
}

// database says whether a container keeps a database, or leads to one.
func (c container) database() bool { return c.exposes(databasePorts) }

func (c container) exposes(ports []string) bool {
	for port := range c.Config.ExposedPorts {
		number, _, _ := strings.Cut(port, "/")
		if slices.Contains(ports, number) {
			return true
		}
	}
	return false
}

// running are all containers of the project that run, whoever started them, the one-off runs too.
func (p *project) running(ctx context.Context) ([]container, error) {
	ids, err := p.conn.run(ctx, command{args: []string{"docker", "ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project=" + p.compose.Name}})
	if err != nil || strings.TrimSpace(ids) == "" {
		return nil, err
	}
	return p.conn.inspect(ctx, strings.Fields(ids)...)
}

// databasesFirst sorts by where the tools of a database are likely to be.
func databasesFirst(all []container) []container {
	return slices.SortedStableFunc(slices.Values(all), func(a, b container) int {
		switch {
		case a.database() && !b.database():
			return -1
		case b.database() && !a.database():
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}
