package seed

import (
	"math"
	"math/bits"
)

// Stream is a short sequence of random numbers that belongs to one purpose and
// one key. It is a value: copying it copies its position. It is not safe for
// concurrent use, and has no need to be.
type Stream struct{ state uint64 }

// New opens the stream of (seed, purpose, key). Equal arguments give equal
// numbers on every machine; any difference gives an unrelated stream. The mixing
// is SplitMix64's finaliser (Steele, Lea, Flood, OOPSLA 2014) over an FNV-1a hash
// of the purpose.
func New(seed uint64, purpose string, k Key) Stream {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	h = mix(h ^ mix(seed+odd(1)))
	h = mix(h ^ mix(k.Request+odd(2)))
	h = mix(h ^ mix(k.Call+odd(3)))
	return Stream{mix(h ^ mix(k.Attempt+odd(4)))}
}

// golden is 2^64 divided by the golden ratio.
const golden uint64 = 0x9e3779b97f4a7c15

func odd(n uint64) uint64 { return n * golden }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 returns the next 64 random bits; Stream is a math/rand/v2 Source.
func (s *Stream) Uint64() uint64 {
	s.state += golden
	return mix(s.state)
}

// skip leaves out n numbers.
func (s *Stream) skip(n uint64) { s.state += n * golden }

// Float64 returns a number in [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// IntN returns a number in [0, n); n must be positive.
func (s *Stream) IntN(n int) int {
	hi, _ := bits.Mul64(s.Uint64(), uint64(n))
	return int(hi)
}

// Chance is true with probability p: never for p ≤ 0, always for p ≥ 1.
func (s *Stream) Chance(p float64) bool { return s.Float64() < p }

// Exp returns an exponentially distributed number with mean 1.
func (s *Stream) Exp() float64 { return -math.Log1p(-s.Float64()) }

// Norm returns a standard normal number (Box and Muller; one of the pair).
func (s *Stream) Norm() float64 {
	return math.Sqrt(2*s.Exp()) * math.Cos(2*math.Pi*s.Float64())
}
