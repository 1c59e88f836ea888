#!/usr/bin/env bash
# Dumps the database to backup/YYYY-MM-DD_HH-MM-SS.sql (UTC) and prints that path.
# Run it in the folder of the compose file.
set -euo pipefail
export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.prod.ip.yml}"

# A dump holds what customers told us, so nobody else may read it.
umask 077
mkdir -p backup
partial=$(mktemp backup/.partial.XXXXXX)
trap 'rm -f -- "$partial"' EXIT

# shellcheck disable=SC2016 # the variables are those of the container
docker compose exec -T postgres \
  sh -c 'exec pg_dump --no-owner -U "$POSTGRES_USER" -d "$POSTGRES_DB"' </dev/null >"$partial"

# A dump that was cut short lacks its last comment.
if ! grep -q '^-- PostgreSQL database dump complete' <<<"$(tail -n 8 -- "$partial")"; then
  echo "backup_db: the dump is empty or incomplete, no backup was written" >&2
  exit 1
fi

# Two backups within a second get two names.
while file="backup/$(date -u +%Y-%m-%d_%H-%M-%S).sql" && [ -e "$file" ]; do
  sleep 1
done
mv -- "$partial" "$file"
echo "$file"
