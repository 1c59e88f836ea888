package dockerfile

import (
	"slices"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name, text, target string
		want               []string
	}{
		{"nothing is asked for", "FROM node\nRUN echo $HOME\n", "", nil},
		{"used in a command", "FROM node\nARG API\nRUN build $API\n", "", []string{"API"}},
		{"used in braces", "FROM node\nARG API\nENV URL=\"${API}/v1\"\n", "", []string{"API"}},
		{"a part of it", "FROM node\nARG API\nRUN x ${API%/}\n", "", []string{"API"}},
		{"required by the Dockerfile itself", "FROM node\nARG API\nRUN : ${API:?is needed}\n", "", []string{"API"}},
		{"the usual line of Next.js", "FROM node\nARG NEXT_PUBLIC_API_URL\nENV NEXT_PUBLIC_API_URL=$NEXT_PUBLIC_API_URL\nRUN npm run build\n", "", []string{"NEXT_PUBLIC_API_URL"}},
		{"declared and never used", "FROM node\nARG API\nRUN npm run build\n", "", nil},
		{"a default that is itself", "FROM node\nARG A=${A}\nARG B=\"$B\"\nRUN x $A $B\n", "", []string{"A", "B"}},
		{"with a default", "FROM node\nARG API=http://localhost\nRUN build $API\n", "", nil},
		{"with an empty default", "FROM node\nARG API=\nRUN build $API\n", "", nil},
		{"words instead of it", "FROM node\nARG A\nARG B\nARG C\nRUN build ${A:-x} ${B-x} ${C:+--with $C} ${C+$C}\n", "", nil},
		{"braces within the words", "FROM node\nARG A\nARG B\nRUN build ${A:+${A}} $B\n", "", []string{"B"}},
		{"tested first", "FROM node\nARG A\nARG B\nRUN if [ -n \"$A\" ]; then pip install $A; fi\nRUN [ \"${B}\" = dev ] && x || y\n", "", nil},
		{"another one tested", "FROM node\nARG A\nARG B\nRUN if [ -n \"$A\" ]; then pip install $B; fi\n", "", []string{"B"}},
		{"escaped", "FROM node\nARG A\nRUN echo \\$A\n", "", nil},
		{"used before it is declared", "FROM node\nRUN echo $API\nARG API\n", "", nil},
		{"set by ENV in between", "FROM node\nARG API\nENV API=x OTHER=y\nRUN build $API\n", "", nil},
		{"ENV in its old form", "FROM node\nARG API\nENV API x\nRUN build $API\n", "", nil},
		{"ours", "FROM node\nARG VERSION\nLABEL version=$VERSION\n", "", nil},
		{"given", "FROM node\nARG GIVEN\nLABEL version=$GIVEN\n", "", nil},
		{"predefined", "FROM --platform=$BUILDPLATFORM node\nARG TARGETARCH\nARG http_proxy\nARG BUILDKIT_CONTEXT_KEEP_GIT_DIR\nRUN x $TARGETARCH $http_proxy $BUILDKIT_CONTEXT_KEEP_GIT_DIR\n", "", nil},
		{"several in a line", "FROM node\nARG A B=c D\nRUN x $A $B $D\n", "", []string{"A", "D"}},
		{"lines that go on, comments in between", "FROM node\nARG A \\\n# what for\n  B\nRUN x \\\n  # $C\n  $B\n", "", []string{"B"}},
		{"another escape character", "# escape=`\nFROM node\nARG A\nRUN x `\n  $A\n", "", []string{"A"}},
		{"here document", "FROM node\nARG A\nRUN <<EOF\nFROM nothing\necho $A\nEOF\n", "", []string{"A"}},
		{"lower case", "from node\narg a\nrun x $a\n", "", []string{"a"}},
		{"in FROM", "ARG BASE\nARG TAG=1\nFROM ${BASE}:$TAG\n", "", []string{"BASE"}},
		{"in FROM, given", "ARG GIVEN\nFROM $GIVEN\n", "", nil},
		{"a default before FROM counts inside", "ARG TAG=1\nFROM node:$TAG\nARG TAG\nRUN echo $TAG\n", "", nil},
		{"before FROM without a default, used inside", "ARG TAG\nFROM node\nARG TAG\nRUN echo $TAG\n", "", []string{"TAG"}},
		{"of another stage", "FROM node AS a\nARG A\nRUN x $A\nFROM node\nRUN y $A\n", "", nil},
		{"of a stage that it starts from", "FROM node AS a\nARG A\nFROM A AS b\nRUN y $A\n", "", []string{"A"}},
		{"of a stage that it copies from", "FROM node AS a\nARG A\nRUN x $A\nFROM nginx\nCOPY --from=a /x /x\n", "", []string{"A"}},
		{"of a stage by number", "FROM node\nARG A\nRUN x $A\nFROM nginx\nCOPY --chown=1 --from=0 /x /x\n", "", []string{"A"}},
		{"of a stage that it mounts", "FROM node AS a\nARG A\nRUN x $A\nFROM nginx\nRUN --mount=type=bind,from=a,target=/x y\n", "", []string{"A"}},
		{"the target only", "FROM node AS a\nARG A\nRUN x $A\nFROM a AS b\nARG B\nRUN x $B\nFROM node AS c\nARG C\nRUN $C\n", "b", []string{"A", "B"}},
		{"a base that only another stage has", "ARG BASE\nFROM $BASE AS dev\nFROM node AS run\n", "run", nil},
		{"no such target", "FROM node\nARG A\nRUN $A\n", "nothing", nil},
		{"a stage that is called as itself", "FROM a AS a\nARG A\nRUN $A\n", "", []string{"A"}},
		{"no Dockerfile", "ENV\n", "", nil},
		{"empty", "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := Missing([]byte(c.text), c.target, []string{"VERSION", "GIVEN"}); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzMissing(f *testing.F) {
	f.Add("ARG A\nFROM x AS y\nARG B\nRUN echo ${A:-${B}} $B\nFROM y\nCOPY --from=0 / /\n", "y")
	f.Fuzz(func(t *testing.T, text, target string) {
		used, bundled := Missing([]byte(text), target, nil)
		for _, name := range append(used, bundled...) {
			if !strings.Contains(text, name) {
				t.Errorf("%q is not in the text", name)
			}
		}
	})
}

// TestBundled: a bundler finds arguments in the environment, so a Dockerfile need not mention them again.
func TestBundled(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"declared for what bundles", "FROM node\nARG VITE_API_URL\nRUN npm run build\n", []string{"VITE_API_URL"}},
		{"of a stage that is copied from", "FROM node AS build\nARG REACT_APP_API\nRUN npm run build\nFROM nginx\nCOPY --from=build /a /a\n", []string{"REACT_APP_API"}},
		{"used by name as well", "FROM node\nARG VITE_API\nRUN npm run build\nRUN echo $VITE_API\n", nil},
		{"with a default in the command", "FROM node\nARG VITE_API\nRUN VITE_API=${VITE_API:-/api} npm run build\n", nil},
		{"declared after it", "FROM node\nRUN npm run build\nARG VITE_API_URL\n", nil},
		{"with a default", "FROM node\nARG VITE_API_URL=/api\nRUN npm run build\n", nil},
		{"given", "FROM node\nARG VITE_GIVEN\nRUN npm run build\n", nil},
		{"no public one", "FROM node\nARG API\nRUN npm run build\n", nil},
	} {
		if _, got := Missing([]byte(c.text), "", []string{"VITE_GIVEN"}); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
