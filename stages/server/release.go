package server

import (
	"context"
)

// Environment is one place that releases are deployed to.
type Environment struct {
	Name        string
	Target      Target
	Login       Login
	ComposeFile string // its name in the application's folder
	HealthURL   string // asked besides the containers' own health checks; empty: not asked
	VersionURL  string // has to mention the version; empty: not asked
	Migrate     string // the one-shot service that migrates the database
	Backup      string // the script that backs the database up; empty: nothing is saved
	Unsaved     bool   // a migration may run without a backup: somebody else makes one
	Restore     string
	Throwaway   bool   // the server is made for this run and goes with it
	Postgres    string // an image with pg_restore, for archives that nothing else on the server can read
	Pace        Pace
	// Step names what is being done, for those who watch.
	Step func(ctx context.Context, name string) (context.Context, func(error))
	// Announce is told what will be brought up, before anything is changed; nil: nobody is.
	Announce func(ctx context.Context, version, commit string)
}

// Release is what is to run.
type Release struct {
	Version  string
	Commit   string
	Images   []Image
	Compose  []byte
	Tree     Tree // of the commit
	Scripts  []Script
	Registry Registry
	By       string
	Reason   string
}

// Script is a program of the repository that has to be on the server.
type Script struct {
	Path string
	Text []byte
}

// Registry is how the server gets at the images. It is kept in the server's memory, and only while it is used.
type Registry struct{ Host, User, Token string }

// Result is a deployment that came about.
type Result struct {
	Version  string
	Previous string // what ran before; empty at the first deployment
	Already  bool   // it ran here before, and is healthy
	Backup   string
	Figures  []string
}
