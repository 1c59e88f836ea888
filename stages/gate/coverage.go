package gate

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
)

// percent is deliberately narrow: big.Rat alone would also read 1/3, 1e9 and 0x50.
var percent = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,9})?\z`)

// Threshold reads a coverage threshold such as "80" or "82.5"; nil if none is set.
func Threshold(setting string) (*big.Rat, error) {
	if setting == "" {
		return nil, nil
	}
	limit, ok := new(big.Rat).SetString(setting)
	if !ok || !percent.MatchString(setting) || limit.Cmp(big.NewRat(100, 1)) > 0 {
		return nil, fmt.Errorf("coverage threshold %.60q is not a percentage: write a number from 0 to 100 such as 80 or 82.5", setting)
	}
	return limit, nil
}

// Coverage judges a Cobertura report against a threshold. Integers decide, because a rounded percentage calls
// 1999 of 2500 lines "80%". Without a threshold a report that cannot be read is "not measured", not an error.
func Coverage(cobertura []byte, threshold string) Result {
	limit, err := Threshold(threshold)
	if err != nil {
		return unjudged(err.Error())
	}
	covered, total, err := Lines(cobertura)
	switch {
	case err != nil && limit != nil:
		return unjudged(fmt.Sprintf("coverage cannot be judged against %s%%: %v", threshold, err))
	case err != nil:
		return Result{Verdict: Skipped, Reason: "coverage not measured: " + err.Error(), Figures: []string{"coverage not measured"}}
	}
	result := Result{Verdict: Pass, Figures: []string{percentage(covered, total) + " coverage"}}
	if limit != nil && !reaches(covered, total, limit) {
		result.Verdict = Fail
		result.Reason = fmt.Sprintf("%d of %d lines are covered, less than the threshold of %s%%: add tests or lower coverageThreshold", covered, total, threshold)
	}
	return result
}

// Lines takes the two counts off the root of a whole Cobertura report.
func Lines(cobertura []byte) (covered, total int64, err error) {
	dec, root, err := openXML(cobertura, "coverage")
	if err == nil {
		err = dec.Skip()
	}
	if err == nil {
		err = closeXML(dec)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("the Cobertura report is not readable: %w", err)
	}
	covered, hasCovered, errCovered := count(root, "lines-covered")
	total, hasTotal, errTotal := count(root, "lines-valid")
	switch {
	case errors.Join(errCovered, errTotal) != nil:
		return 0, 0, errors.Join(errCovered, errTotal)
	case !hasCovered || !hasTotal:
		return 0, 0, errors.New("the Cobertura report has no lines-covered and lines-valid")
	case total == 0:
		return 0, 0, errors.New("the Cobertura report counts no lines at all: check which folder or package is measured")
	case covered > total:
		return 0, 0, fmt.Errorf("the Cobertura report says %d of %d lines are covered", covered, total)
	}
	return covered, total, nil
}

// reaches is covered × 100 ≥ limit × total, without rounding or overflow.
func reaches(covered, total int64, limit *big.Rat) bool {
	have := new(big.Rat).Mul(new(big.Rat).SetInt64(covered), big.NewRat(100, 1))
	want := new(big.Rat).Mul(new(big.Rat).SetInt64(total), limit)
	return have.Cmp(want) >= 0
}

// percentage rounds down to a tenth, so that 79.96 is never shown as 80.
func percentage(covered, total int64) string {
	tenths := new(big.Int).Mul(big.NewInt(covered), big.NewInt(1000))
	tenths.Quo(tenths, big.NewInt(total))
	whole, tenth := new(big.Int).QuoRem(tenths, big.NewInt(10), new(big.Int))
	return fmt.Sprintf("%d.%d%%", whole, tenth)
}
