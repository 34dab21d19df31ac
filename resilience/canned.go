package resilience

import (
	"slices"
	"strings"
	"unicode"
)

// Canned holds the answers that need no model.
type Canned struct {
	Degraded string // said before an answer that lacks something
	Minimal  string // said when no rule matches
	Offline  string // the apology
	Rules    []Rule // the first that matches answers
}

// Rule answers a question that contains one of its words, whole and in any case.
type Rule struct {
	Words  []string // in lower case
	Answer string
}

// SetDefaults fills the texts left out; there are no default rules.
func (c *Canned) SetDefaults() {
	orElse(&c.Degraded, "Some of my tools are not available right now, so this answer may be incomplete.")
	orElse(&c.Minimal, "I can only give standard answers right now. Please try again in a few minutes.")
	orElse(&c.Offline, "Sorry, I cannot answer right now. Please try again in a few minutes.")
}

// Answer gives the rule-based answer to a question.
func (c Canned) Answer(question string) string {
	words := strings.FieldsFunc(strings.ToLower(question), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for _, rule := range c.Rules {
		if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(rule.Words, w) }) {
			return rule.Answer
		}
	}
	return c.Minimal
}
