package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPartners(t *testing.T) {
	text := `rtsp: {listen: ":8554"}
partners:
  tsl: {token: ` + otherKey + `, streams: [maria], protocols: [rtsp, hls], max_connections: 20, expires: 2999-12-31, view: {currency: USD, link: {utm_source: tsl}}}
  past: {token_file: keys/good, streams: [maria], protocols: [rtmp], expires: "2020-01-01T10:00:00Z"}
streams: {maria: {key: ` + anyKey + `}}
`
	dir := t.TempDir()
	write(t, dir, "keys/good", "another-token-of-twenty-two\n")
	c, err := Parse(dir+"/simulcart.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Partner{
		"tsl": {
			Streams: []string{"maria"}, Protocols: []string{"rtsp", "hls"}, MaxConnections: 20, Expires: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC),
			View: &View{Currency: "USD", Link: map[string]string{"utm_source": "tsl"}},
		},
		"past": {Streams: []string{"maria"}, Protocols: []string{"rtmp"}, Expires: time.Date(2020, 1, 1, 10, 0, 0, 0, time.UTC)},
	}
	for name, p := range c.Partners {
		if name == "tsl" && p.Token.Reveal() != otherKey || name == "past" && p.Token.Reveal() != "another-token-of-twenty-two" {
			t.Errorf("%s: another token", name)
		}
		p.Token = Secret{}
		if diff := cmp.Diff(want[name], p, cmp.Comparer(Secret.Equal)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(c.Partners) != len(want) || len(c.Warnings) != 1 || c.Warnings[0].Key != "partners.past.expires" {
		t.Errorf("got %d partners, warnings %v", len(c.Partners), c.Warnings)
	}
}

// A contract over what is not served is likely not meant.
func TestPartnersOverWhatIsOff(t *testing.T) {
	const partner = "partners: {tsl: {token: " + otherKey + ", streams: [maria], protocols: [rtmp, rtsp, hls, whep]}}\nstreams: {maria: {key: " + anyKey + "}}\n"
	for name, c := range map[string]struct{ listeners, want string }{
		"as it is by default": {"", "x.yaml:1:91: partners.tsl.protocols.2: rtsp and rtsps are off: nothing can be pulled over rtsp; give one of them a listen line\n" +
			"x.yaml:1:102: partners.tsl.protocols.4: the ports of webrtc are off: nothing can be pulled over whep; write webrtc: {}"},
		"all served": {"rtsp: {}\nwebrtc: {}\n", ""},
		"nothing served": {
			"rtmp: {listen: off}\nhttp: {listen: off}\n",
			"x.yaml:3:85: partners.tsl.protocols.1: rtmp and rtmps are off: nothing can be pulled over rtmp; give one of them a listen line\n" +
				"x.yaml:3:91: partners.tsl.protocols.2: rtsp and rtsps are off: nothing can be pulled over rtsp; give one of them a listen line\n" +
				"x.yaml:3:97: partners.tsl.protocols.3: http and https are off: nothing can be pulled over hls; give one of them a listen line\n" +
				"x.yaml:3:102: partners.tsl.protocols.4: the ports of webrtc are off: nothing can be pulled over whep; write webrtc: {}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse("x.yaml", []byte(c.listeners+partner), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(parsed.Warnings) > 0 {
				got = Faults(parsed.Warnings).Error()
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
