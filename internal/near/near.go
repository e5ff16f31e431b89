// Package near finds the word that was probably meant.
package near

import "math"

// Word returns the word that takes the fewest edits to get to (the
// Levenshtein distance).
func Word(word string, words []string) string {
	best, bestDistance := "", math.MaxInt
	if len(word) > 40 {
		word = word[:40]
	}
	for _, w := range words {
		row := make([]int, len(w)+1)
		for j := range row {
			row[j] = j
		}
		for i := range len(word) {
			diagonal := row[0]
			row[0] = i + 1
			for j := range len(w) {
				substitute := diagonal
				if word[i] != w[j] {
					substitute++
				}
				diagonal = row[j+1]
				row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
			}
		}
		if row[len(w)] < bestDistance {
			best, bestDistance = w, row[len(w)]
		}
	}
	return best
}
