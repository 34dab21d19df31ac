package scenarios

import "time"

// Arrival is one agent request to come.
type Arrival struct {
	// At counts from the start of the run, warm-up included.
	At time.Duration
	// InputTokens and OutputTokens are what a trace says; 0 means to draw them.
	InputTokens, OutputTokens int
}
