package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// csvColumns are the columns that every run has; one for each breaker and each fault
// follow.
var csvColumns = []string{"scenario", "config", "seed", "at_s", "step_s", "requests", "ok", "fallback", "degraded", "failed", "p50_s", "p95_s", "in_flight", "attempts"}

// CSV writes the series of all runs, one line a step. A breaker is 0 closed, 1
// half-open, 2 open; what could not be measured is empty.
func CSV(r *Report) ([]byte, error) {
	breakers, faults := map[string]bool{}, map[string]bool{}
	for _, c := range r.Configs {
		for _, run := range c.Runs {
			for target := range run.Series.Breakers {
				breakers[target] = true
			}
			for name := range run.Series.Faults {
				faults[name] = true
			}
		}
	}
	targets, names := slices.Sorted(maps.Keys(breakers)), slices.Sorted(maps.Keys(faults))
	header := slices.Clone(csvColumns)
	for _, target := range targets {
		header = append(header, "breaker:"+target)
	}
	for _, name := range names {
		header = append(header, "fault:"+name)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(header) // a buffer takes everything
	for _, c := range r.Configs {
		for _, run := range c.Runs {
			for i := range run.Series.Requests {
				row := []string{r.Name, c.Name, strconv.FormatUint(run.Seed, 10)}
				row = append(row, run.Series.csv(i)...)
				for _, target := range targets {
					row = append(row, breakerCell(run.Series.Breakers[target], i))
				}
				for _, name := range names {
					row = append(row, countCell(run.Series.Faults[name], i))
				}
				_ = w.Write(row)
			}
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("write the series as CSV: %w", err)
	}
	return out.Bytes(), nil
}

func (s *Series) csv(i int) []string {
	return []string{
		decimal(float64(i) * s.Step), decimal(s.Step), strconv.Itoa(s.Requests[i]), strconv.Itoa(s.OK[i]), strconv.Itoa(s.Fallback[i]),
		strconv.Itoa(s.Degraded[i]), strconv.Itoa(s.Failed[i]), decimal(s.P50[i]), decimal(s.P95[i]),
		strconv.Itoa(s.InFlight[i]), strconv.Itoa(s.Attempts[i]),
	}
}

func decimal(x float64) string {
	if !known(x) {
		return ""
	}
	return strconv.FormatFloat(rounded(x), 'f', -1, 64)
}

func breakerCell(states []string, i int) string {
	if i >= len(states) {
		return ""
	}
	return strconv.Itoa(severity[states[i]])
}

func countCell(counts []int, i int) string {
	if i >= len(counts) {
		return "0"
	}
	return strconv.Itoa(counts[i])
}
