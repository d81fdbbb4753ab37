package table

import (
	"math"
	"slices"
)

// Spread is what several rounds measured: the median, and the quartiles, between
// which half of them lie.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Rounds int     `json:"rounds"`
}

// SpreadOf returns the spread of what was measured in some rounds.
func SpreadOf(measured []float64) Spread {
	sorted := slices.Sorted(slices.Values(measured))
	return Spread{Median: quantile(sorted, 0.5), Low: quantile(sorted, 0.25), High: quantile(sorted, 0.75), Rounds: len(sorted)}
}

// quantile lies between the two values that are next to it.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 == len(sorted) {
		return sorted[below]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

// Ratios divides what was measured by what the base measured in the same round.
func Ratios(measured, base []float64) []float64 {
	ratios := make([]float64, min(len(measured), len(base)))
	for n := range ratios {
		ratios[n] = measured[n] / base[n]
	}
	return ratios
}
