package dockerfile

import "testing"

func TestRuns(t *testing.T) {
	for _, c := range []struct{ name, text, target, language, version, base string }{
		{"the official image", "FROM python:3.8-alpine", "", "python", "3.8", "python:3.8-alpine"},
		{"with a patch", "FROM docker.io/library/python:3.12.10-alpine", "", "python", "3.12", "docker.io/library/python:3.12.10-alpine"},
		{"a prerelease", "FROM python:3.15-rc-slim", "", "python", "", ""},
		{"a prerelease by its number", "FROM python:3.15.0b1", "", "python", "", ""},
		{"by its digest", "FROM python:3.13-slim@sha256:aa", "", "python", "3.13", "python:3.13-slim@sha256:aa"},
		{"uv's own", "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim", "", "python", "3.12", "ghcr.io/astral-sh/uv:python3.12-bookworm-slim"},
		{"uv's own with its version", "FROM ghcr.io/astral-sh/uv:0.9.2-python3.14-alpine", "", "python", "3.14", "ghcr.io/astral-sh/uv:0.9.2-python3.14-alpine"},
		{"an argument with a default", "ARG PYTHON=3.11\nARG SUITE=\"slim\"\nFROM python:${PYTHON}-$SUITE", "", "python", "3.11", "python:3.11-slim"},
		{"a default of its own", "ARG PYTHON\nFROM python:${PYTHON:-3.12}", "", "python", "3.12", "python:3.12"},
		{"an argument that is given", "ARG GIVEN=3.9\nFROM python:$GIVEN", "", "python", "3.12", "python:3.12"},
		{"an argument without one", "ARG PYTHON\nFROM python:$PYTHON", "", "python", "", ""},
		{"what it is copied from", "FROM node:20-alpine AS build\nFROM nginx\nCOPY --from=build /a /a", "", "node", "20", "node:20-alpine"},
		{"what runs before what builds", "FROM node:22 AS build\nFROM node:20\nCOPY --from=build /a /a", "", "node", "20", "node:20"},
		{"a stage that is not needed", "FROM node:20 AS old\nFROM node:22", "", "node", "22", "node:22"},
		{"the target", "FROM node:20 AS old\nFROM node:22", "old", "node", "20", "node:20"},
		{"a stage of a stage", "FROM python:3.12 AS base\nFROM base AS app\nFROM app", "", "python", "3.12", "python:3.12"},
		{"another language", "FROM python:3.12", "", "node", "", ""},
		{"a name that only ends so", "FROM acme/cpython:3.12", "", "python", "", ""},
		{"no exact version", "FROM python:3", "", "python", "", ""},
		{"no Dockerfile", "", "", "python", "", ""},
	} {
		if version, base := Runs([]byte(c.text), c.target, c.language, map[string]string{"GIVEN": "3.12"}); version != c.version || base != c.base {
			t.Errorf("%s: got %q by %q", c.name, version, base)
		}
	}
}
