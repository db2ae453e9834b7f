package ingest

import "testing"

func TestRefusals(t *testing.T) {
	var r Refusals
	r.Count(RefusedKey)
	r.Count(RefusedKey)
	r.Count(RefusedOther)
	got := r.Counts()
	if len(got) != int(refusals) || got["key"] != 2 || got["other"] != 1 || got["busy"] != 0 {
		t.Errorf("got %v, want all labels, key 2, other 1", got)
	}
	seen := map[string]bool{}
	for i := range refusals {
		if name := i.String(); name == "" || seen[name] {
			t.Errorf("refusal %d has the label %q", i, name)
		}
		seen[i.String()] = true
	}
}

func TestLimitHits(t *testing.T) {
	var r Refusals
	r.Hit(LimitMessage)
	r.Hit(LimitMessage)
	r.Hit(LimitSilence)
	got := r.Hits()
	if len(got) != int(limits) || got["message_size"] != 2 || got["silence"] != 1 || got["chunk_size"] != 0 {
		t.Errorf("got %v, want all labels, message_size 2, silence 1", got)
	}
	seen := map[string]bool{}
	for i := range limits {
		if name := i.String(); name == "" || seen[name] {
			t.Errorf("limit %d has the label %q", i, name)
		}
		seen[i.String()] = true
	}
}
