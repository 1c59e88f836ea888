#!/bin/sh
# The release's gates and builds one after the other, as a page of release steps has them.
. "$(dirname "$0")/steps.sh"
mkdir -p "$CACHE" "$OUT"

for name in python node nginx trivy; do image "$name"; done
validate
trivy_database
scan_repository
kept "$(python_environment)" install_python
kept "$(node_environment)" install_node
scan_locks
test_backend
test_frontend
build_backend
build_frontend
build_worker
for name in backend frontend arq-worker; do scan_image "$name"; done
