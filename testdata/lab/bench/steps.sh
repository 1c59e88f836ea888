# The gates and builds of a release as shell functions, each for one container without Docker: a copy-on-write view of
# the image's files and chroot. The two peers of `lab bench`, release.sh and Makefile, call the same functions.
#
# LAB        the lab's program, which unpacks images
# REGISTRY   where images come from, and where the release's tags would be
# CACHE      what is kept between runs: images, packages, environments, layers, Trivy's database
# OUT        what is made anew
set -eu

# inside LOWER UPPER COMMAND...: runs a command on top of the folders LOWER, and keeps what it changes in UPPER.
# BINDS are folders to see as well (source:target), ENVIRONMENT is added to what every image has.
inside() {
	lower=$1 upper=$2
	shift 2
	mkdir -p "$upper/etc" "$upper.work" "$upper.root"
	unshare --mount --propagation private sh -euc '
		lower=$1 upper=$2
		shift 2
		mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$upper.work" "$upper.root"
		mount -t proc proc "$upper.root/proc"
		mount --rbind /dev "$upper.root/dev"
		touch "$upper.root/etc/resolv.conf"
		mount --bind /etc/resolv.conf "$upper.root/etc/resolv.conf"
		for bind in ${BINDS-}; do
			mkdir -p "${bind%%:*}" "$upper.root/${bind#*:}"
			mount --bind "${bind%%:*}" "$upper.root/${bind#*:}"
		done
		exec chroot "$upper.root" env -i HOME=/root $IMAGE_ENVIRONMENT ${ENVIRONMENT-} "$@"
	' sh "$lower" "$upper" "$@"
	rm -rf "$upper.work" "$upper.root"
}

# image NAME: unpacks an image, once.
image() {
	[ -d "$CACHE/images/$1" ] && return
	rm -rf "$CACHE/images/$1.tmp"
	"$LAB" unpack "$(reference "$1")" "$CACHE/images/$1.tmp"
	mv "$CACHE/images/$1.tmp" "$CACHE/images/$1"
}

reference() {
	case $1 in
	python) echo library/python:3.13-slim ;;
	node) echo library/node:22-slim ;;
	nginx) echo library/nginx:1.26 ;;
	trivy) echo "aquasec/trivy:$TRIVY_VERSION" ;;
	esac
}

# keyed KIND FILE...: names what is made from an image and files by the content of both.
keyed() {
	kind=$1
	shift
	printf '%s/%s-%s\n' "$CACHE" "$kind" "$(find "$@" -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)"
}

# kept DIR FUNCTION...: calls the function to fill a folder that is not there yet.
kept() {
	[ -d "$1" ] && return
	rm -rf "$1.new"
	"$2" "$1.new"
	mv "$1.new" "$1"
}

validate() {
	[ -z "$(git status --porcelain --untracked-files=no)" ]
	! git rev-parse -q --verify "refs/tags/v$VERSION" >/dev/null
	for name in backend frontend arq-worker; do
		curl -sS -o "$OUT/tags" "http://$REGISTRY/v2/bench/$name/tags/list"
	done
}

python_environment() { keyed python-environment backend/pyproject.toml backend/requirements.txt backend/requirements-dev.txt; }

install_python() {
	mkdir -p "$1/app"
	cp backend/pyproject.toml backend/requirements.txt backend/requirements-dev.txt "$1/app"
	BINDS="$CACHE/pip:/root/.cache/pip $CACHE/uv:/root/.cache/uv" ENVIRONMENT="UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/venv" \
		inside "$CACHE/images/python/root" "$1" sh -ec '
			python -m pip install --quiet --root-user-action=ignore uv==0.13.9
			uv venv --quiet /venv
			cd /app
			uv pip install --quiet -r requirements.txt -r requirements-dev.txt'
}

test_backend() {
	rm -rf "$OUT/backend" && mkdir -p "$OUT/backend"
	cp -a backend "$OUT/backend/app"
	ENVIRONMENT='VIRTUAL_ENV=/venv' inside "$(python_environment):$CACHE/images/python/root" "$OUT/backend" sh -ec '
		PATH=/venv/bin:$PATH
		cd /app
		python -m pytest -m "not slow" --junitxml=/reports/junit.xml --cov --cov-report=xml:/reports/coverage.xml --cov-report=html:/reports/html
		python -m pytest -m slow --no-header --junitxml=/reports/slow.xml'
}

node_environment() { keyed node-environment frontend/package.json frontend/package-lock.json; }

install_node() {
	mkdir -p "$1/app"
	cp frontend/package.json frontend/package-lock.json "$1/app"
	BINDS="$CACHE/npm:/root/.npm" inside "$CACHE/images/node/root" "$1" sh -ec 'cd /app; npm ci --no-audit --no-fund --prefer-offline'
}

test_frontend() {
	rm -rf "$OUT/frontend" && mkdir -p "$OUT/frontend"
	cp -a frontend "$OUT/frontend/app"
	ENVIRONMENT=CI=true inside "$(node_environment):$CACHE/images/node/root" "$OUT/frontend" sh -ec '
		cd /app
		node_modules/.bin/vitest run --reporter=default --reporter=junit --outputFile.junit=/reports/junit.xml --exclude "**/*.slow.test.*" \
			--coverage.enabled --coverage.reporter=cobertura --coverage.reporter=html --coverage.reportsDirectory=/reports/html
		node_modules/.bin/vitest run --passWithNoTests --reporter=default --reporter=junit --outputFile.junit=/reports/slow.xml .slow.test.'
}

# The layers of backend/Dockerfile and backend/Dockerfile.worker, which Docker would share too.
backend_packages() { keyed layer-packages backend/requirements.txt; }

install_packages() {
	mkdir -p "$1/app"
	cp backend/requirements.txt "$1/app"
	inside "$CACHE/images/python/root" "$1" sh -ec 'cd /app; pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt'
}

backend_code() { keyed layer-shop backend/shop; }

copy_shop() { mkdir -p "$1/app" && cp -a backend/shop "$1/app"; }

# The layers of frontend/Dockerfile: those of its first stage, and what the second takes from it.
site_packages() { keyed layer-site-packages frontend/package.json frontend/package-lock.json; }

install_site_packages() {
	mkdir -p "$1/app"
	cp frontend/package.json frontend/package-lock.json "$1/app"
	inside "$CACHE/images/node/root" "$1" sh -ec 'cd /app; npm ci --no-audit --no-fund'
}

site() { keyed layer-site frontend/package-lock.json frontend/index.html frontend/tsconfig.json frontend/vite.config.ts frontend/nginx.conf frontend/src; }

build_site() {
	mkdir -p "$1.build/app" "$1/etc/nginx" "$1/usr/share/nginx"
	(cd frontend && cp -a package.json index.html tsconfig.json vite.config.ts src "$1.build/app")
	inside "$(site_packages):$CACHE/images/node/root" "$1.build" sh -ec 'cd /app; npm run build'
	cp frontend/nginx.conf "$1/etc/nginx/nginx.conf"
	mv "$1.build/app/dist" "$1/usr/share/nginx/html"
	rm -rf "$1.build"
}

# archive NAME IMAGE LAYER...: writes an image as docker save does, with the labels that tell where it is from.
archive() {
	name=$1 base=$CACHE/images/$2
	shift 2
	rm -rf "$OUT/$name.image" && mkdir -p "$OUT/$name.image"
	files='"base.tar"' sums="\"sha256:$(cat "$base/sum")\""
	ln "$base/layer.tar" "$OUT/$name.image/base.tar"
	for layer; do
		[ -f "$layer.tar" ] || pack "$layer"
		file=$(basename "$layer").tar
		ln "$layer.tar" "$OUT/$name.image/$file"
		files="$files,\"$file\"" sums="$sums,\"sha256:$(cat "$layer.sum")\""
	done
	printf '{"architecture":"amd64","os":"linux","config":{"Labels":{"org.opencontainers.image.revision":"%s","org.opencontainers.image.version":"%s"}},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$(git rev-parse HEAD)" "$VERSION" "$sums" >"$OUT/$name.image/config.json"
	printf '[{"Config":"config.json","RepoTags":["%s:%s"],"Layers":[%s]}]' "$name" "$VERSION" "$files" >"$OUT/$name.image/manifest.json"
	(cd "$OUT/$name.image" && tar -cf "$OUT/$name.tar" *)
}

pack() {
	tar --sort=name --mtime=@0 -C "$1" -cf "$1.tar.new" .
	sha256sum "$1.tar.new" | cut -d' ' -f1 >"$1.sum"
	mv "$1.tar.new" "$1.tar"
}

build_backend() {
	kept "$(backend_packages)" install_packages
	kept "$(backend_code)" copy_shop
	archive backend python "$(backend_packages)" "$(backend_code)"
}

build_worker() {
	kept "$(backend_packages)" install_packages
	kept "$(backend_code)" copy_shop
	archive arq-worker python "$(backend_packages)" "$(backend_code)"
}

build_frontend() {
	kept "$(site_packages)" install_site_packages
	kept "$(site)" build_site
	archive frontend nginx "$(site)"
}

# trivy NAME ARGUMENTS...: what Trivy has learned of layers is kept for each thing that is scanned.
trivy() {
	name=$1
	shift
	BINDS="$CACHE/trivy/db:/root/.cache/trivy/db $CACHE/trivy/$name:/root/.cache/trivy/fanal ${BINDS-}" \
		ENVIRONMENT="TRIVY_DB_REPOSITORY=$REGISTRY/trivy-db TRIVY_NO_PROGRESS=true TRIVY_SKIP_VERSION_CHECK=true ${ENVIRONMENT-}" \
		inside "$CACHE/images/trivy/root" "$OUT/trivy-$name" trivy "$@"
	rm -rf "$OUT/trivy-$name"
}

# What turns the release red, as it does in Slipway.
gate='--exit-code 10 --severity HIGH,CRITICAL --ignore-unfixed'

trivy_database() { trivy database image --download-db-only; }

scan_repository() {
	rm -rf "$OUT/tree" && mkdir -p "$OUT/tree"
	git archive HEAD | tar -xC "$OUT/tree"
	BINDS=$OUT/tree:/repository trivy repository fs --scanners secret,misconfig --skip-check-update --format json --output /report.json $gate /repository
}

scan_locks() {
	rm -rf "$OUT/locks" && mkdir -p "$OUT/locks"
	(cd backend && cp pyproject.toml requirements.txt requirements-dev.txt "$OUT/locks")
	(cd frontend && cp package.json package-lock.json "$OUT/locks")
	BINDS="$OUT/locks:/locks $(python_environment)/venv:/venv $(node_environment)/app/node_modules:/locks/node_modules" ENVIRONMENT=VIRTUAL_ENV=/venv \
		trivy locks fs --scanners vuln,license --include-dev-deps --skip-db-update --offline-scan --format json --output /report.json $gate /locks
}

# scan_image NAME: an end of life is exit code 10 too, as in Slipway.
scan_image() {
	BINDS=$OUT:/images trivy "image-$1" image --scanners vuln,secret --skip-db-update --skip-java-db-update --offline-scan --exit-on-eol 10 \
		--format json --output /report.json $gate --input "/images/$1.tar"
}
