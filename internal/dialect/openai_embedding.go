package dialect

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

const (
	// embeddingsPath is where embeddings live below a base URL that ends in /v1.
	embeddingsPath = "/embeddings"
	// openAIDimensions is the length of text-embedding-3-small's vectors.
	openAIDimensions = 1536
	// maxTexts is how many texts one request may have.
	maxTexts = 2048
)

func openAIParseEmbedding(r *exchange.Request) (Embedding, *Error) {
	doc, bad := object(r)
	if bad != nil {
		return Embedding{}, bad
	}
	p := parser{}
	e := Embedding{Dimensions: p.count("dimensions", doc.Get("dimensions"))}
	if r.HTTP != nil {
		e.Model = openAIRoute(r.HTTP.URL.Path).Model
	}
	if e.Model == "" {
		e.Model = p.text("model", doc.Get("model"))
	}
	switch format := doc.Get("encoding_format"); {
	case format.Type == gjson.Null, format.Str == "float":
	case format.Str == "base64":
		e.base64 = true
	default:
		p.fail("encoding_format", "encoding_format must be float or base64")
	}
	p.inputs(&e, doc.Get("input"))
	switch {
	case e.Model == "":
		p.fail("model", "missing required parameter: model")
	case len(e.Texts) > maxTexts:
		p.fail("input", "input has more than %d texts", maxTexts)
	case e.Dimensions > maxDimensions:
		p.fail("dimensions", "dimensions must be at most %d", maxDimensions)
	}
	if e.Dimensions == 0 {
		e.Dimensions = openAIDimensions
	}
	return e, p.err
}

// inputs reads a text, texts, tokens, or lists of tokens.
func (p *parser) inputs(e *Embedding, v gjson.Result) {
	add := func(v gjson.Result) {
		switch {
		case v.Type == gjson.String && v.Str != "":
			e.Texts = append(e.Texts, v.Str)
		case isTokens(v):
			e.Texts = append(e.Texts, strings.Trim(v.Raw, "[]"))
			e.Tokens += len(v.Array())
		default:
			p.fail("input", "input must be a text, an array of texts, or tokens, none of them empty")
		}
	}
	if !v.IsArray() || isTokens(v) {
		add(v)
		return
	}
	p.each("input", v, func(_ string, v gjson.Result) { add(v) })
	if len(e.Texts) == 0 {
		p.fail("input", "input is empty")
	}
}

func isTokens(v gjson.Result) bool {
	if !v.IsArray() {
		return false
	}
	n := 0
	v.ForEach(func(_, token gjson.Result) bool {
		if token.Type != gjson.Number || token.Num < 0 || token.Num != math.Trunc(token.Num) {
			n = -1
			return false
		}
		n++
		return true
	})
	return n > 0
}

func openAIRenderEmbedding(q Embedding, vectors [][]float32, tokens int) []byte {
	b := make([]byte, 0, 128+len(vectors)*(64+12*q.Dimensions))
	b = append(b, `{"object":"list","data":[`...)
	for i, v := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"object":"embedding","index":`...), int64(i), 10)
		b = append(b, `,"embedding":`...)
		if q.base64 {
			b = appendBase64(b, v)
		} else {
			b = appendFloats(b, v)
		}
		b = append(b, '}')
	}
	b = gjson.AppendJSONString(append(b, `],"model":`...), q.Model)
	b = strconv.AppendInt(append(b, `,"usage":{"prompt_tokens":`...), int64(tokens), 10)
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), int64(tokens), 10)
	return append(b, `}}`...)
}

// appendBase64 writes a vector as base64 of little-endian float32.
func appendBase64(b []byte, v []float32) []byte {
	raw := make([]byte, 0, 4*len(v))
	for _, f := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
}

func appendFloats(b []byte, v []float32) []byte {
	b = append(b, '[')
	for i, f := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(f), 'g', -1, 32)
	}
	return append(b, ']')
}
