package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names of measures.
const (
	cold           = "cold"
	noChange       = "no change"
	frontendChange = "frontend"
	backendChange  = "backend"

	slipwayName  = "slipway "
	cpuSuffix    = " cpu"
	engineSuffix = " engine"
	runSuffix    = " run"
	boundSuffix  = " bound"

	firstLoad      = "first load"
	firstLoadEmpty = "first load of nothing"
	coreVersion    = "core version"
	never          = "never"
	refused        = "refused"
	validate       = "validate"
	dryRunAgain    = "dry run again"
	images10       = "10 images"
	images30       = "30 images"
	changelog1000  = "changelog 1000"
	changelog5000  = "changelog 5000"
	deployment     = "deployment"
	composeByHand  = "compose"
)

// samples are the values of each measure, one a round.
type samples map[string][]float64

func (s samples) add(name string, value float64) { s[name] = append(s[name], value) }

func (s samples) value(name string, round int) float64 {
	if round >= len(s[name]) {
		return math.NaN()
	}
	return s[name][round]
}

func (s samples) last(name string) float64 { return s[name][len(s[name])-1] }

// A ratio compares two measures of the same round. Without a second one it is the first, in its own unit.
type ratio struct {
	name, russian string
	of, per       func(s samples, round int) float64
	limit         float64 // 0 is none
}

// measure is a value of a round, or none if that round has not measured it.
func measure(name string) func(samples, int) float64 { return sum(name) }

func sum(names ...string) func(samples, int) float64 {
	return func(s samples, round int) float64 {
		total := 0.0
		for _, name := range names {
			total += s.value(name, round)
		}
		return total
	}
}

// changelogPer1000 is what the commits beyond the first thousand take, for each thousand, in seconds.
func changelogPer1000(s samples, round int) float64 {
	return (s.value(changelog5000, round) - s.value(changelog1000, round)) / 4
}

func beyondCompose(s samples, round int) float64 {
	return s.value(deployment, round) - s.value(composeByHand, round)
}

// besideEngine is what all but the engine's own process have worked in a scenario.
func besideEngine(scenario string) func(samples, int) float64 {
	return func(s samples, round int) float64 {
		return s.value(slipwayName+scenario+cpuSuffix, round) - s.value(slipwayName+scenario+engineSuffix, round)
	}
}

func one(samples, int) float64 { return 1 }

var ratios = []ratio{
	{"Cold ÷ cold `make -j2`", "Первый раз ÷ первый раз `make -j2`", measure(slipwayName + cold), measure("make " + cold), 1.1},
	{"Cold, with the module's first load ÷ cold `make -j2`", "Первый раз вместе с загрузкой модуля ÷ первый раз `make -j2`", sum(firstLoad, slipwayName+cold), measure("make " + cold), 0},
	{"No change ÷ cold `make -j2`", "Без изменений ÷ первый раз `make -j2`", measure(slipwayName + noChange), measure("make " + cold), 0.15},
	{"One file in frontend/ ÷ cold `make -j2`", "Один файл в frontend/ ÷ первый раз `make -j2`", measure(slipwayName + frontendChange), measure("make " + cold), 0.35},
	{"One file in backend/ ÷ cold `make -j2`", "Один файл в backend/ ÷ первый раз `make -j2`", measure(slipwayName + backendChange), measure("make " + cold), 0.35},
	{"Cold ÷ script, cold", "Первый раз ÷ скрипт, первый раз", measure(slipwayName + cold), measure("script " + cold), 0},
	{"No change ÷ script, no change", "Без изменений ÷ скрипт без изменений", measure(slipwayName + noChange), measure("script " + noChange), 0},
	{"One file in frontend/ ÷ script, the same file", "Один файл в frontend/ ÷ скрипт, тот же файл", measure(slipwayName + frontendChange), measure("script " + frontendChange), 0},
	{"One file in backend/ ÷ script, the same file", "Один файл в backend/ ÷ скрипт, тот же файл", measure(slipwayName + backendChange), measure("script " + backendChange), 0},
	{"No change ÷ `make -j2`, no change", "Без изменений ÷ `make -j2` без изменений", measure(slipwayName + noChange), measure("make " + noChange), 0},
	{"One file in frontend/ ÷ `make -j2`, the same file", "Один файл в frontend/ ÷ `make -j2`, тот же файл", measure(slipwayName + frontendChange), measure("make " + frontendChange), 0},
	{"One file in backend/ ÷ `make -j2`, the same file", "Один файл в backend/ ÷ `make -j2`, тот же файл", measure(slipwayName + backendChange), measure("make " + backendChange), 0},
	{"The run, cold ÷ longest chain or CPU", "Прогон, первый раз ÷ самая длинная цепочка или процессор", measure(slipwayName + cold + runSuffix), measure(slipwayName + cold + boundSuffix), 1.15},
	{"The run, no change ÷ longest chain or CPU", "Прогон без изменений ÷ самая длинная цепочка или процессор", measure(slipwayName + noChange + runSuffix), measure(slipwayName + noChange + boundSuffix), 1.15},
	{"The run, one file in frontend/ ÷ longest chain or CPU", "Прогон, один файл в frontend/ ÷ самая длинная цепочка или процессор", measure(slipwayName + frontendChange + runSuffix), measure(slipwayName + frontendChange + boundSuffix), 1.15},
	{"The run, one file in backend/ ÷ longest chain or CPU", "Прогон, один файл в backend/ ÷ самая длинная цепочка или процессор", measure(slipwayName + backendChange + runSuffix), measure(slipwayName + backendChange + boundSuffix), 1.15},
	{"Processor time, cold ÷ `make -j2`, cold", "Процессорное время, первый раз ÷ `make -j2`, первый раз", measure(slipwayName + cold + cpuSuffix), measure("make " + cold + cpuSuffix), 0},
	{"The same without that of the engine's own process", "То же без процесса движка", besideEngine(cold), measure("make " + cold + cpuSuffix), 0},
	{"Processor time, one file in frontend/ ÷ `make -j2`", "Процессорное время, один файл в frontend/ ÷ `make -j2`", measure(slipwayName + frontendChange + cpuSuffix), measure("make " + frontendChange + cpuSuffix), 0},
	{"The same without that of the engine's own process", "То же без процесса движка", besideEngine(frontendChange), measure("make " + frontendChange + cpuSuffix), 0},
	{"Processor time, one file in backend/ ÷ `make -j2`", "Процессорное время, один файл в backend/ ÷ `make -j2`", measure(slipwayName + backendChange + cpuSuffix), measure("make " + backendChange + cpuSuffix), 0},
	{"The same without that of the engine's own process", "То же без процесса движка", besideEngine(backendChange), measure("make " + backendChange + cpuSuffix), 0},
	{"`validate` ÷ an empty function", "`validate` ÷ пустая функция", measure(validate), measure(never), 1.25},
	{"A dry run, again ÷ `validate`", "Пробный прогон ещё раз ÷ `validate`", measure(dryRunAgain), measure(validate), 1.5},
	{"`validate` refused at once ÷ an empty function", "`validate` с отказом сразу ÷ пустая функция", measure(refused), measure(never), 0},
	{"An empty function ÷ `dagger core version`", "Пустая функция ÷ `dagger core version`", measure(never), measure(coreVersion), 0},
	{"First load of the module ÷ of an empty Go module", "Первая загрузка модуля ÷ пустого модуля на Go", measure(firstLoad), measure(firstLoadEmpty), 0},
	{"30 images ÷ 10 images", "30 образов ÷ 10 образов", measure(images30), measure(images10), 3.5},
	{"Changelog of 5,000 commits ÷ of 1,000", "Журнал 5000 коммитов ÷ 1000", measure(changelog5000), measure(changelog1000), 5},
	{"Changelog, seconds for each further 1,000 commits", "Журнал, секунд на каждые следующие 1000 коммитов", changelogPer1000, one, 1},
	{"Deployment ÷ `compose pull` and `up --wait` by hand", "Развёртывание ÷ `compose pull` и `up --wait` руками", measure(deployment), measure(composeByHand), 0},
	{"Deployment, seconds beyond compose", "Развёртывание, секунд сверх compose", beyondCompose, one, 0},
}

// values are the ratio's, one for each round that has measured both sides, in order of size.
func (r ratio) values(s samples, rounds int) []float64 {
	var all []float64
	for n := range rounds {
		if v := r.of(s, n) / r.per(s, n); !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// language is how a table speaks.
type language struct {
	head     string
	met, not string
	name     func(ratio) string
	file     string
}

var (
	english = language{
		head: "| What | Median | Lowest to highest | Pairs | Limit | |\n| --- | --- | --- | --- | --- | --- |\n",
		met:  "met", not: "not met", file: ".github/docs/speed.md", name: func(r ratio) string { return r.name },
	}
	russian = language{
		head: "| Что | Медиана | От и до | Пар | Предел | |\n| --- | --- | --- | --- | --- | --- |\n",
		met:  "да", not: "нет", file: ".github/docs/ru/speed.md", name: func(r ratio) string { return r.russian },
	}
)

// table is the result in Markdown.
func (s samples) table(in language) string {
	rounds := len(s[never])
	var b strings.Builder
	b.WriteString(in.head)
	for _, r := range ratios {
		values := r.values(s, rounds)
		limit, verdict := "", ""
		if r.limit > 0 {
			limit, verdict = fmt.Sprint(r.limit), in.met
			if median(values) > r.limit {
				verdict = in.not
			}
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f | %d | %s | %s |\n", in.name(r), median(values), values[0], values[len(values)-1], len(values), limit, verdict)
	}
	return b.String()
}

const (
	tableBegin = "<!-- bench -->\n"
	tableEnd   = "<!-- /bench -->\n"
)

// writeTables puts the result where readers look for it.
func (l *lab) writeTables(s samples) error {
	for _, in := range []language{english, russian} {
		path := filepath.Join(l.repo, in.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		written, err := withTable(string(text), s.table(in))
		if err != nil {
			return fmt.Errorf("%s: %w", in.file, err)
		}
		if err := os.WriteFile(path, []byte(written), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// withTable replaces what stands between the table's two marks.
func withTable(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, tableBegin)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		return "", fmt.Errorf("expected the lines %s and %s, found no such pair", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	return before + tableBegin + "\n" + table + "\n" + tableEnd + after, nil
}
