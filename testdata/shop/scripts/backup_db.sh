#!/usr/bin/env bash
# Dumps the database to a file: backup_db.sh FILE. Without FILE it is backup/YYYY-MM-DD_HH-MM-SS.sql (UTC).
# The path is printed. Run it in the folder of the compose file.
set -euo pipefail
export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.prod.ip.yml}"

if [ "$#" -gt 1 ]; then
  echo "usage: backup_db.sh [FILE]" >&2
  exit 2
fi
file=${1:-backup/$(date -u +%Y-%m-%d_%H-%M-%S).sql}
if [ -s "$file" ]; then
  echo "backup_db: $file is there already, no backup was written" >&2
  exit 1
fi

# A dump holds what customers told us, so nobody else may read it.
umask 077
mkdir -p -- "$(dirname -- "$file")"
partial=$(mktemp -- "$file.partial.XXXXXX")
trap 'rm -f -- "$partial"' EXIT

# shellcheck disable=SC2016 # the variables are those of the container
docker compose exec -T postgres \
  sh -c 'exec pg_dump --no-owner -U "$POSTGRES_USER" -d "$POSTGRES_DB"' </dev/null >"$partial"

# A dump that was cut short lacks its last comment.
if ! grep -q '^-- PostgreSQL database dump complete' <<<"$(tail -n 8 -- "$partial")"; then
  echo "backup_db: the dump is empty or incomplete, no backup was written" >&2
  exit 1
fi
# On the disk before it has its name, because a migration may follow.
sync -- "$partial"
mv -- "$partial" "$file"
echo "$file"
