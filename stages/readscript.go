package stages

import (
	"strings"

	"dagger/slipway/stages/project"
)

// gitScript is how the scripts call git, whatever the checkout was made with: text is compared with the line ends that it is
// recorded with, and files of Git LFS are taken as they lie. Filters of the clone's own configuration would need their
// programs here. Of a file's state only size and time come along with an upload.
const gitScript = `set -eu
git() {
	command git -c core.autocrlf=input -c core.safecrlf=false -c core.quotePath=false -c tar.umask=0002 \
		-c core.checkStat=minimal -c core.trustctime=false -c core.fsmonitor=false \
		-c filter.lfs.clean= -c filter.lfs.smudge= -c filter.lfs.process= -c filter.lfs.required=false "$@"
}
`

// readScript writes one fact a line, the last of them the content of the files it is given, and names the trees of the
// folders it is given, whose number comes first. All is taken from git, so that untracked files are never part of a build; a
// tree with changes is read as it lies, and the changes are reported.
var readScript = gitScript + `
git config --global --add safe.directory '*'
if [ -f .git ]; then echo 'linked worktree' >&2; exit 3; fi
git rev-parse -q --verify --end-of-options 'HEAD^{commit}' >/dev/null || { echo 'no commit' >&2; exit 4; }
mkdir -p .git/info /out
exec > /out/facts
# Git's answers that decide something stand in no argument and before no pipe, where nobody would see it fail.
fact() { answer=$(shift; "$@"); printf '%s %s\n' "$1" "$answer"; }
fact commit git rev-parse HEAD
git rev-list --max-parents=0 HEAD > /out/lines
printf 'root %s\n' "$(sort /out/lines | head -n 1)"
# Unlike show, log looks at no content, of which a partial clone has only what is checked out.
fact time git log -1 --format=%ct HEAD
fact shallow git rev-parse --is-shallow-repository
git config --get-regexp '^remote\..*\.promisor$' '^true$' > /out/lines || [ $? = 1 ]
[ ! -s /out/lines ] || echo 'partial true'
printf 'branch %s\n' "$(git symbolic-ref -q --short HEAD || true)"
# The engine keeps what an exec leaves behind, and a checkout may have a password in its remote.
printf 'remote %s\n' "$(git remote get-url origin 2>/dev/null | sed -e 's#^\(https\{0,1\}://\)[^/]*@#\1#I' -e 's#^\([a-z+]*://[^/:@]*\):[^/]*@#\1@#I')"
git for-each-ref --format='tag %(refname:strip=2) %(objectname) %(*objectname)' refs/tags
git for-each-ref --merged=HEAD --format='merged %(refname:strip=2)' refs/tags
# Some teams push the commit of a release with its tag only. All that it stands on is in the history, so the tag counts.
git rev-list --topo-order --reverse --parents --tags --not HEAD > /out/lines
awk '{ own[$1]; for (i = 2; i <= NF; i++) if ($i in own) next; if (NF > 1) print "beside " $1 }' /out/lines
export GIT_INDEX_FILE=/tmp/index
# The clone's index knows by size and time which files are as recorded, so that not all of them are read. Every file is read
# where files have filters, or are marked so that git does not look at them.
cp -p .git/index /tmp/index 2>/dev/null || true
if [ -n "$({ git ls-files -- ':(exclude,attr:!filter)'; git ls-files -v | grep '^[a-zS]'; } 2>&1 | head -n 1)" ] || ! git read-tree --reset HEAD 2>/dev/null; then
	rm -f /tmp/index
	git read-tree HEAD
fi
# What is recorded of a file of Git LFS is a pointer with the checksum of its content, which tells content from a change.
git grep -z --cached -F -e 'oid sha256:' -- ':(attr:filter=lfs)' > /out/lines || [ $? = 1 ]
tr '\0' ' ' < /out/lines | sed 's/^/pointer /'
git grep -z -l --cached -F -e 'oid sha256:' -- ':(attr:filter=lfs)' | xargs -0 -r sha256sum 2>/dev/null | sed 's/^/content /' || true
# Of an empty tree git add says that nothing matches. What is left out is not uploaded: by our +ignore, and Dagger's locks by Dagger.
git ls-files > /out/lines
[ ! -s /out/lines ] || git add -u -- . ':(exclude,glob)**/node_modules/**' ':(exclude,glob)**/.venv/**' \
	':(exclude,glob)**/__pycache__/**' ':(exclude,glob)**/dagger.lock' ':(exclude,glob)**/.dagger/lock'
git diff-index --cached --name-status HEAD > /out/lines
sed 's/^/dirty /' /out/lines
# Git leaves the folder of a submodule empty in an archive. One that is checked out is taken into the tree, and then those in it.
submodules() { git ls-files -s | sed -n 's/^160000 \([0-9a-f]*\) 0	/\1 /p'; }
mkdir -p .git/objects/info
found=yes
while [ -n "$found" ]; do
	found=
	while read -r commit folder; do
		if [ -n "$folder" ] && [ -e "$folder/.git" ] && objects=$(git -C "$folder" rev-parse --path-format=absolute --git-path objects) && git -C "$folder" cat-file -e "$commit^{tree}"; then
			printf '%s\n' "$objects" >> .git/objects/info/alternates
			git update-index --force-remove -- "$folder"
			git read-tree --prefix="$folder/" "$commit"
			found=yes
		fi
	done <<-END
		$(submodules)
	END
done
submodules | sed 's/^[0-9a-f]* /submodule /'
tree=$(git write-tree)
echo "tree $tree"
# Names with quotes or control characters in them are printed in quotes, and are none that a tool looks for.
tracked() { git ls-files -- "$@" ':(exclude,glob)**/node_modules/**' | sed '/^"/d'; }
tracked ` + pathspecs(project.Read) + ` > /tmp/read
sed 's/^/read /' /tmp/read
tracked ` + pathspecs(project.Look) + ` | sed 's/^/look /'
git grep -l --cached -F -e 'mark.slow' -- ':(glob)**/*.py' > /out/lines || [ $? = 1 ] # 1: nothing found
sed 's/^/slow /' /out/lines
sed "s#^#$tree:#" /tmp/read | git cat-file --batch --follow-symlinks > /out/batch
echo "contents $(base64 < /out/batch | tr -d '\n')"
# What is packed of a tree is the same in every clone, so nothing of this one counts.
echo '* -export-ignore -export-subst -filter' > .git/info/attributes
count=$1
shift
while [ "$count" -gt 0 ]; do
	if [ "$(git cat-file -t "$tree:$1" 2>/dev/null)" = tree ]; then
		printf 'folder %s %s\n' "$(git rev-parse "$tree:$1")" "$1"
	fi
	shift
	count=$((count - 1))
done
git rm -r -f -q --cached --ignore-unmatch -- ':(glob)**/*.py' ':(glob)**/*.[cm][jt]s' ':(glob)**/*.[jt]s' ':(glob)**/*.[jt]sx' ':(glob)**/*.vue' ':(glob)**/*.svelte' ':(glob)**/*.css' \
	':(exclude,glob)**/Dockerfile.*' ':(exclude,glob)**/Containerfile.*'
fact configuration git write-tree
for file; do printf '%s:%s\n' "$tree" "$file"; done | git cat-file --batch --follow-symlinks > /out/batch
echo "files $(base64 < /out/batch | tr -d '\n')"
`

// pathspecs are patterns of ours as words of the shell.
func pathspecs(patterns []string) string {
	return "':(glob)" + strings.Join(patterns, "' ':(glob)") + "'"
}
