package dialect

// openAI is OpenAI's chat completions API. Base URLs end in /v1.
var openAI = Dialect{
	Name:        "openai",
	Encode:      openAIEncode,
	Decode:      openAIDecode,
	DecodeEvent: openAIDecodeEvent,
	DecodeError: openAIDecodeError,
}
