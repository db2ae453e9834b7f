package access

// Role is what a token of the API is good for. The set is closed.
type Role uint8

// The roles.
const (
	NoRole  Role = iota
	Reader       // sees everything
	Creator      // sees and changes the overlays and products of one stream
	Admin        // everything
)

var roleNames = [...]string{NoRole: "none", Reader: "read", Creator: "stream", Admin: "admin"}

// String names the role.
func (r Role) String() string { return roleNames[r] }

// may says whether the role allows an action, on its own stream where it has one. No token publishes.
func (r Role) may(a Action) bool {
	switch r {
	case Reader:
		return a == Read
	case Creator:
		return a == Read || a == Change
	case Admin:
		return a == Read || a == Change || a == Administer
	case NoRole:
	}
	return false
}

// Token lets a program or a person use the API.
type Token struct {
	Name   string // who has it, for the log
	Digest Digest
	Role   Role
	Stream string // of a Creator
}

// SetTokens takes the API's tokens as they are from now on. Those without a digest or a role let nobody in.
func (r *Registry) SetTokens(tokens []Token) {
	kept := make(map[Digest]Token, len(tokens))
	for _, t := range tokens {
		if !t.Digest.IsZero() && t.Role != NoRole {
			kept[t.Digest] = t
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = kept
}

// HasTokens says whether the API has any.
func (r *Registry) HasTokens() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.tokens) > 0
}

// IdentifyToken finds whose token of the API this is. The lookup is by digest, and the digest is compared again in constant
// time. An unknown token is anybody.
func (r *Registry) IdentifyToken(token string) Principal {
	digest := DigestOf(token)
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.tokens[digest]
	if !ok || !t.Digest.Equal(digest) {
		return Principal{}
	}
	return Principal{Name: t.Name, Role: t.Role, Stream: t.Stream}
}
