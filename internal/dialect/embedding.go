package dialect

// Embedding is a request for vectors in no provider's words.
type Embedding struct {
	Model      string
	Texts      []string // given as tokens, their numbers in words
	Tokens     int      // of texts that were given as tokens
	Dimensions int      // of a vector; 0: the provider's default

	base64 bool // OpenAI: vectors are base64 of little-endian floats
	single bool // Gemini: one text, one vector, no list
}

// maxDimensions bounds what a request may ask for.
const maxDimensions = 3072
