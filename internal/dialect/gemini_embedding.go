package dialect

import (
	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// geminiDimensions is the length of gemini-embedding-001's vectors.
const geminiDimensions = 3072

func geminiParseEmbedding(r *exchange.Request) (Embedding, *Error) {
	doc, bad := object(r)
	if bad != nil {
		return Embedding{}, bad
	}
	route, method := geminiRoute(r.HTTP.URL.Path)
	p := geminiParser{}
	e := Embedding{Model: route.Model, single: method == "embedContent"}
	one := func(at string, v gjson.Result) {
		m := Message{}
		if p.parts(&m, at+".content", v.Get("content.parts")); m.Content == "" {
			p.fail("", "%s.content must have a text", at)
		}
		e.Texts = append(e.Texts, m.Content)
		n := p.count(at+".output_dimensionality", either(v, "outputDimensionality", "output_dimensionality"))
		if e.Dimensions != 0 && n != e.Dimensions && len(e.Texts) > 1 {
			p.fail("", "all requests must have one output_dimensionality")
		}
		e.Dimensions = n
	}
	if e.single {
		one("request", doc)
	} else {
		p.each("requests", doc.Get("requests"), one)
	}
	switch {
	case len(e.Texts) == 0:
		p.fail("", "requests is empty")
	case len(e.Texts) > maxTexts:
		p.fail("", "at most %d requests can be in one batch", maxTexts)
	case e.Dimensions > maxDimensions:
		p.fail("", "output_dimensionality must be at most %d", maxDimensions)
	}
	if e.Dimensions == 0 {
		e.Dimensions = geminiDimensions
	}
	return e, p.err
}

func geminiRenderEmbedding(q Embedding, vectors [][]float32, _ int) []byte {
	b := make([]byte, 0, 64+len(vectors)*(32+12*q.Dimensions))
	if q.single {
		b = appendFloats(append(b, `{"embedding":{"values":`...), vectors[0])
		return append(b, `}}`...)
	}
	b = append(b, `{"embeddings":[`...)
	for i, v := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendFloats(append(b, `{"values":`...), v), '}')
	}
	return append(b, `]}`...)
}
