package rtmp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden reads what a real peer said, see testdata/README.md.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// outline gives the messages that follow, up to the cut.
func outline(c *Conn) ([]string, error) {
	all, err := messages(c)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // the cut
	}
	var lines []string
	for _, m := range all {
		line := fmt.Sprintf("%s of %d on %d at %d", m.Type, len(m.Payload), m.StreamID, m.Timestamp)
		if m.Type == TypeCommand {
			cmd, err := ParseCommand(m)
			if err != nil {
				return lines, err
			}
			status, _ := StatusOf(cmd)
			line = cmd.Name + " " + status.Code
		}
		lines = append(lines, line)
	}
	return lines, err
}

func TestRealClients(t *testing.T) {
	const address = "rtmp://127.0.0.1:1935/live"
	result := "_result 1 NetConnection.Connect.Success"
	for _, tt := range []struct {
		file   string
		want   Request
		told   []string
		follow []string
	}{
		{
			"ffmpeg-publisher.bin",
			Request{Action: Publish, Name: "golden", Peer: Peer{TCURL: address, Software: "FMLE/3.0 (compatible; Lavf59.27.100)"}},
			[]string{result, "_result 2", "_result 3", "_result 4"},
			[]string{"data of 388 on 1 at 0", "video of 44 on 1 at 0", "audio of 7 on 1 at 0", "audio of 155 on 1 at 0"},
		},
		{
			"obs-publisher.bin",
			Request{Action: Publish, Name: "golden", Peer: Peer{TCURL: address, Software: "FMLE/3.0 (compatible; FMSc/1.0)"}},
			[]string{result, "_result 2", "_result 3", "_result 4"},
			[]string{"data of 410 on 1 at 0", "audio of 7 on 1 at 0", "video of 48 on 1 at 0"},
		},
		{
			"gstreamer-publisher.bin",
			Request{Action: Publish, Name: "golden", Peer: Peer{TCURL: "rtmp://127.0.0.1/live", Software: "LNX 10,0,32,18"}},
			[]string{result, "_result 2"},
			[]string{"data of 355 on 1 at 0", "video of 44 on 1 at 0", "audio of 7 on 1 at 0"},
		},
		{
			"librtmp-publisher.bin",
			Request{Action: Publish, Name: "golden", Peer: Peer{TCURL: address}},
			[]string{result, "_result 2", "_result 3", "_result 4"},
			[]string{"data of 355 on 1 at 0", "video of 44 on 1 at 0", "audio of 7 on 1 at 0"},
		},
		{
			"ffmpeg-player.bin",
			Request{Action: Play, Name: "shown", Peer: Peer{TCURL: address, Software: "LNX 9,0,124,2"}},
			[]string{result, "_result 2", "_result 3"},
			[]string{"deleteStream "},
		},
		{
			"rtmpdump-player.bin",
			Request{Action: Play, Name: "shown", Peer: Peer{TCURL: address, Software: "LNX 10,0,32,18"}},
			[]string{result, "_result 2", "_result 3"},
			[]string{"deleteStream "},
		},
		{
			"gstreamer-player.bin",
			Request{Action: Play, Name: "shown", Peer: Peer{TCURL: "rtmp://127.0.0.1/live", Software: "LNX 10,0,32,18"}},
			[]string{result, "_result 2"},
			nil,
		},
	} {
		t.Run(tt.file, func(t *testing.T) {
			c, tape := play(golden(t, tt.file))
			got, err := ReadRequest(c, "live")
			if err != nil {
				t.Fatal(err)
			}
			c.Authorise()
			tt.want.Peer.App, tt.want.StreamID, tt.want.conn, tt.want.connected = "live", 1, c, true
			tt.want.Query = got.Query
			same := cmp.Comparer(func(a, b *Conn) bool { return a == b })
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(Request{}), same); diff != "" || len(got.Query) > 0 {
				t.Errorf("query %v (-want +got)\n%s", got.Query, diff)
			}
			if diff := cmp.Diff(tt.told, names(commands(t, tape.told.Bytes()))); diff != "" {
				t.Errorf("answers (-want +got)\n%s", diff)
			}
			follow, err := outline(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.follow, follow); diff != "" {
				t.Errorf("what follows (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRealServers(t *testing.T) {
	for _, tt := range []struct {
		file   string
		play   bool
		want   string // "" where they accept
		follow []string
	}{
		{"nginx-to-publisher.bin", false, "", []string{"onStatus NetStream.Unpublish.Success"}},
		{"nginx-refusal.bin", false, "read answer to publish: EOF", nil},
		{"ffmpeg-to-publisher.bin", false, "", nil},
		{"nginx-to-player.bin", true, "", []string{
			"data of 24 on 1 at 0", "data of 387 on 1 at 0",
			"audio of 7 on 1 at 1509", "audio of 100 on 1 at 1532", "audio of 94 on 1 at 1556", "audio of 115 on 1 at 1579",
			"audio of 89 on 1 at 1602", "audio of 91 on 1 at 1625", "audio of 98 on 1 at 1648",
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			c, _ := play(golden(t, tt.file))
			peer, err := c.Connect(Offer{URL: liveURL, Play: tt.play})
			if err != nil {
				t.Fatal(err)
			}
			if want := (Peer{Software: "FMS/3,0,1,123"}); !cmp.Equal(peer, want) {
				t.Errorf("got %+v, want %+v", peer, want)
			}
			ask := c.Publish
			if tt.play {
				ask = c.Play
			}
			id, err := ask("golden")
			if tt.want != "" {
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			if err != nil || id != 1 {
				t.Fatalf("got stream %d and error %v", id, err)
			}
			follow, err := outline(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.follow, follow); diff != "" {
				t.Errorf("what follows (-want +got)\n%s", diff)
			}
		})
	}
}
