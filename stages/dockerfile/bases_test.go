package dockerfile

import (
	"strings"
	"testing"
)

func TestBases(t *testing.T) {
	const digest = "@sha256:aa"
	for _, c := range []struct{ name, text, target, pinned, moving string }{
		{"by a name", "FROM python:3.13-slim", "", "", "python:3.13-slim"},
		{"by its digest", "FROM python:3.13-slim" + digest, "", "python:3.13-slim" + digest, ""},
		{"nothing", "FROM scratch\nCOPY a b", "", "", ""},
		{"stages", "FROM node:22 AS build\nFROM nginx" + digest + "\nCOPY --from=build /a /a\nCOPY --from=0 /b /b", "", "nginx" + digest, "node:22"},
		{"stages that are not needed", "FROM node:22 AS build\nFROM nginx" + digest + " AS web\nFROM build", "web", "nginx" + digest, ""},
		{"a stage of a stage", "FROM node:22 AS base\nFROM base AS build\nFROM build", "", "", "node:22"},
		{"copied and mounted", "FROM a" + digest + "\nCOPY --from=ghcr.io/astral-sh/uv:0.9 /uv /uv\nRUN --mount=type=bind,from=b" + digest + ",target=/b true", "", "a" + digest + " b" + digest, "ghcr.io/astral-sh/uv:0.9"},
		{"an argument is not guessed", "ARG D=aa\nFROM python@sha256:$D", "", "", "python@sha256:$D"},
		{"once", "FROM a AS b\nFROM a\nCOPY --from=b /a /a", "", "", "a"},
		{"no target of that name", "FROM a", "b", "", ""},
		{"no Dockerfile", "", "", "", ""},
	} {
		pinned, moving := Bases([]byte(c.text), c.target)
		if got := strings.Join(pinned, " ") + "|" + strings.Join(moving, " "); got != c.pinned+"|"+c.moving {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
