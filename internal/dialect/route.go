package dialect

import "net/http"

// Endpoint is what a path of a provider's API is for.
type Endpoint uint8

// The endpoints.
const (
	None       Endpoint = iota
	Chat                // an answer, whole or streamed
	Count               // how many tokens a chat request has
	Embeddings          // vectors for texts
	ListModels          // the models
	ShowModel           // one model
)

// Route is what a path says.
type Route struct {
	Endpoint Endpoint
	Model    string // as the path names it; "" if it does not
	Azure    bool   // the path is Azure's
}

// Method is the only HTTP method that the endpoint answers to.
func (e Endpoint) Method() string {
	if e == ListModels || e == ShowModel {
		return http.MethodGet
	}
	return http.MethodPost
}
