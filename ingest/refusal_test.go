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
