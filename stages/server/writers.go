package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// databasePorts and storePorts are those that images of databases, queues and caches expose: by them Docker itself tells what
// a container is. Anything else may write to a database.
var (
	databasePorts = []string{
		"5432",          // PostgreSQL
		"3306", "33060", // MySQL, MariaDB
		"1433", "1521", // SQL Server, Oracle
		"27017",         // MongoDB
		"26257", "9042", // CockroachDB, Cassandra
		"8123", "8086", // ClickHouse, InfluxDB
	}
	storePorts = slices.Concat(databasePorts, []string{
		"6432",          // PgBouncer
		"6379", "11211", // Redis, Memcached
		"5672", "4222", // RabbitMQ, NATS
		"9092", "2181", // Kafka, ZooKeeper
		"9200", "2379", // Elasticsearch, etcd
	})
)

// portSet are ports as Docker writes them: 5432/tcp.
type portSet map[string]struct{}

func (s portSet) any(of []string) bool { return s.among(of) != "" }

// among is the first of some ports that the set has; empty if it has none.
func (s portSet) among(of []string) string {
	for _, number := range of {
		for port := range s {
			if exposed, _, _ := strings.Cut(port, "/"); exposed == number {
				return number
			}
		}
	}
	return ""
}

// keeps says whether a container keeps data for others, by the ports of those that do. An application of the team's own may
// listen on such a port, too: it says that it may run twice, or there is nothing that it could keep a database in.
func (d *deployment) keeps(ports []string, c container) bool {
	ours := d.pinsBefore()[c.service()] != ""
	application := d.previous.compose.Services[c.service()].order() == startFirst || !c.writesOutside() && c.Config.ExposedPorts.any(databasePorts)
	return c.Config.ExposedPorts.any(ports) && !(ours && application)
}

// running are all containers of the project that run, whoever started them, the one-off runs too.
func (p *project) running(ctx context.Context) ([]container, error) {
	all, err := p.everything(ctx)
	return slices.DeleteFunc(all, func(c container) bool { return !c.up() }), err
}

// databasesFirst sorts by where the tools of a database are likely to be.
func databasesFirst(all []container) []container {
	databases, others := []container(nil), []container(nil)
	for _, c := range all {
		if c.Config.ExposedPorts.any(databasePorts) {
			databases = append(databases, c)
		} else {
			others = append(others, c)
		}
	}
	return append(databases, others...)
}

// stopWriters stops all of the project that may write to the database, whichever release or hand has started it, each with
// its own time of grace.
func (d *rollback) stopWriters(ctx context.Context) error {
	var refused error
	for range 3 {
		running, err := d.previous.running(ctx)
		if err != nil {
			return err
		}
		writers := slices.DeleteFunc(running, func(c container) bool { return d.keeps(storePorts, c) })
		if len(writers) == 0 {
			return nil
		}
		d.stopped = append(d.stopped, writers...)
		if refused = d.conn.docker(ctx, writers, "stop"); refused != nil && !errors.As(refused, new(*exitError)) {
			return refused
		}
	}
	if refused == nil {
		refused = errors.New("they are started again and again")
	}
	return fmt.Errorf("what writes to the database does not stop: %w", refused)
}

// restartable are the containers that were stopped and can be started again: a one-off run is over.
func (d *rollback) restartable() []container {
	var all []container
	for _, c := range d.stopped {
		if !c.oneOff() && !slices.ContainsFunc(all, func(one container) bool { return one.ID == c.ID }) {
			all = append(all, c)
		}
	}
	return all
}

// startOthers starts what was stopped and belongs to neither release: nobody else would.
func (d *rollback) startOthers(ctx context.Context) {
	others := slices.DeleteFunc(d.restartable(), func(c container) bool {
		return d.next.keeps(c.service()) || d.previous.keeps(c.service()) || d.pins[c.service()] != ""
	})
	if err := d.conn.docker(ctx, others, "start"); err != nil {
		d.figures = append(d.figures, fmt.Sprintf("warning: %s stopped for the restore, and not started again: %s", strings.Join(namesOf(others), ", "), firstLine(err.Error())))
	}
}

// keeps says whether the project has a service that compose up takes care of.
func (p *project) keeps(service string) bool {
	s, ok := p.compose.Services[service]
	return ok && !s.inactive
}

func namesOf(containers []container) []string {
	var names []string
	for _, c := range containers {
		names = append(names, strings.TrimPrefix(c.Name, "/"))
	}
	return names
}
