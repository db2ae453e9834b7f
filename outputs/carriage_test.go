package outputs

import "testing"

func TestCarriage(t *testing.T) {
	for c, name := range map[Carriage]string{0: "off", CarriesSEI: "sei", CarriesAMF: "amf", CarriesSEI | CarriesAMF: "sei+amf"} {
		if got := c.String(); got != name {
			t.Errorf("%d: got %q, want %q", c, got, name)
		}
		if got, err := ParseCarriage(name); err != nil || got != c {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
	for _, word := range []string{"", "SEI", "amf+sei", "on"} {
		if c, err := ParseCarriage(word); err == nil {
			t.Errorf("%q: got %v, want an error", word, c)
		}
	}
}
