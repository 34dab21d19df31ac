package resilience

// State is the state of a circuit breaker.
type State uint8

// The states.
const (
	Closed State = iota
	Open
	HalfOpen
)
