package web

import (
	"context"

	"github.com/simulcart/simulcart/overlay"
)

// metadataRequest asks for a text to be carried with a picture.
type metadataRequest struct {
	Request

	Body MetadataBody
}

// MetadataBody is a text of the caller's own. It goes out once, as the member meta of an overlay state.
type MetadataBody struct {
	Metadata string `json:"metadata" minLength:"1" maxLength:"1024" doc:"1 to 1024 bytes of text, which nobody here reads" example:"{\"goal\":1}"`
	At       *When  `json:"at,omitempty"`
	Strict   bool   `json:"strict,omitempty" doc:"rather not at all than late"`
}

func (s *Server) annotate(ctx context.Context, in *metadataRequest) (*changed, error) {
	c := overlay.Change{Action: overlay.Annotate, Text: in.Body.Metadata, Strict: in.Body.Strict}
	if in.Body.At != nil {
		c.When = in.Body.At.When
	}
	return s.carryOut(ctx, &in.Request, "metadata", in.Body, c)
}
