#!/usr/bin/env bash
# Puts the database back to a backup: restore_db.sh FILE
# Run it in the folder of the compose file, with backend and arq-worker stopped: it ends their connections.
set -euo pipefail
export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.prod.ip.yml}"

if [ "$#" -ne 1 ]; then
  echo "usage: restore_db.sh FILE" >&2
  exit 2
fi
file=$1
if [ ! -f "$file" ] || [ ! -s "$file" ]; then
  echo "restore_db: $file is missing or empty, nothing was changed" >&2
  exit 1
fi
if ! grep -q '^-- PostgreSQL database dump complete' <<<"$(tail -n 8 -- "$file")"; then
  echo "restore_db: $file is not a complete dump, nothing was changed" >&2
  exit 1
fi

# One transaction that ends in its own COMMIT: a stream that breaks off changes nothing.
statements() {
  cat <<'SQL'
BEGIN;
SET LOCAL lock_timeout = '30s';
SET LOCAL client_min_messages = warning;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
COMMENT ON SCHEMA public IS 'standard public schema';
SQL
  cat -- "$file" && echo 'COMMIT;'
}

# shellcheck disable=SC2016 # the variables are those of the container
statements | docker compose exec -T postgres \
  sh -c 'exec psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"' >/dev/null
echo "restored $file"
