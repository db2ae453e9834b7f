//go:build linux

package mediatest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeOBSConfig writes what OBS would have kept after a creator set it up by hand.
func writeOBSConfig(t testing.TB, home string, o OBSOptions, port int, password string) {
	t.Helper()
	root := filepath.Join(home, "config", "obs-studio")
	files := map[string]string{
		"global.ini":                             fmt.Sprintf(obsGlobal, port, password),
		"basic/profiles/Test/basic.ini":          fmt.Sprintf(obsProfile, max(1, int(o.RetryDelay/time.Second))),
		"basic/profiles/Test/streamEncoder.json": asJSON(t, fields{"rate_control": "CBR", "bitrate": 2500}),
		"basic/profiles/Test/service.json": asJSON(t, fields{
			"type":     "rtmp_custom",
			"settings": fields{"server": o.Server, "key": o.Key, "use_auth": false, "bwtest": false},
		}),
		"basic/scenes/Test.json": asJSON(t, obsScene(o.Media)),
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatalf("configure OBS: %v", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatalf("configure OBS: %v", err)
		}
	}
}

const obsGlobal = `[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
ConfirmOnExit=false
[Basic]
Profile=Test
ProfileDir=Test
SceneCollection=Test
SceneCollectionFile=Test
ConfigOnNewProfile=false
[BasicWindow]
SysTrayEnabled=false
PreviewEnabled=false
WarnBeforeStartingStream=false
WarnBeforeStoppingStream=false
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort=%d
AlertsEnabled=false
AuthRequired=true
ServerPassword=%s
`

const obsProfile = `[General]
Name=Test
[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=1
FPSInt=30
ColorFormat=NV12
ColorSpace=709
ColorRange=Partial
[Audio]
SampleRate=48000
ChannelSetup=Stereo
[Output]
Mode=Advanced
Reconnect=true
RetryDelay=%d
MaxRetries=25
DynamicBitrate=false
[AdvOut]
Encoder=obs_x264
ApplyServiceSettings=false
TrackIndex=1
Track1Bitrate=128
RecType=Standard
`

// fields is a JSON object.
type fields map[string]any

// obsScene is a scene with one source: the file, in a loop.
func obsScene(media string) fields {
	zero := fields{"x": 0.0, "y": 0.0}
	item := fields{
		"name": "Media", "id": 1, "visible": true, "locked": false, "pos": zero, "scale": fields{"x": 1.0, "y": 1.0},
		"rot": 0.0, "align": 5, "bounds_type": 1, "bounds_align": 0, "bounds": fields{"x": 640, "y": 360},
		"crop_left": 0, "crop_top": 0, "crop_right": 0, "crop_bottom": 0, "private_settings": fields{},
	}
	return fields{
		"name": "Test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": []any{fields{"name": "Scene"}},
		"groups": []any{}, "modules": fields{}, "quick_transitions": []any{}, "transitions": []any{}, "saved_projectors": []any{},
		"current_transition": "Cut", "transition_duration": 300,
		"sources": []any{
			obsSource("Media", "ffmpeg_source", fields{
				"local_file": media, "is_local_file": true, "looping": true, "hw_decode": false,
				"restart_on_activate": true, "clear_on_media_end": false, "close_when_inactive": false,
			}),
			obsSource("Scene", "scene", fields{"id_counter": 1, "custom_size": false, "items": []any{item}}),
		},
	}
}

func obsSource(name, kind string, settings fields) fields {
	return fields{
		"name": name, "id": kind, "versioned_id": kind, "settings": settings, "enabled": true, "muted": false, "volume": 1.0,
		"balance": 0.5, "mixers": 255, "sync": 0, "flags": 0, "monitoring_type": 0, "hotkeys": fields{}, "private_settings": fields{},
		"prev_ver": 486539266,
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("configure OBS: %v", err)
	}
	return string(b)
}
