"""Publishes over WHIP, or watches over WHEP, with GStreamer's webrtcbin:

    python3 peer.py '{"address": ..., "token": ..., "pipeline": ..., "media": [caps, ...]}'

The pipeline has an element "webrtcbin name=w". A publisher's pads are those that the pipeline links; what it sends begins with the
connection, for which the pipeline has elements "identity name=pace0 sync=true" and so on, one for each of them. A viewer offers the media, and each pad that comes is linked to the element of the pipeline that has the name of its kind,
"video" or "audio". It waits for all candidates, then sends its offer. SIGTERM, or the end of the pipeline, ends the session.
Standard output gets the offer, the answer and what else is known, as JSON.
"""

import json
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402


class Peer:
    def __init__(self, wish):
        self.wish = wish
        self.loop = GLib.MainLoop()
        self.session = None
        self.report = {"status": 0, "deleted": 0, "offer": "", "answer": "", "wrong": []}
        self.pipeline = Gst.parse_launch(wish["pipeline"])
        self.webrtc = self.pipeline.get_by_name("w")
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathered)
        self.webrtc.connect("pad-added", self.on_pad)
        for caps in wish["media"]:
            self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        if wish["media"]:
            GLib.idle_add(self.offer)
        else:
            self.webrtc.connect("on-negotiation-needed", lambda _: self.offer())
            self.webrtc.connect("notify::connection-state", self.on_state)
            self.pads = list(self.webrtc.sinkpads)
            for n, pad in enumerate(self.pads):
                pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self.on_event)
                transceiver = self.webrtc.emit("get-transceiver", n)
                transceiver.set_property("do-nack", wish["nack"])
                if wish["sendonly"]:
                    transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, self.loop.quit)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.session:
            self.report["deleted"], _, _ = self.ask("DELETE", self.session, None)
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.report))

    def fail(self, what):
        self.report["wrong"].append(what)
        self.loop.quit()

    def on_error(self, _, message):
        error, details = message.parse_error()
        self.fail(f"{error}: {details}")

    def on_state(self, *_):
        if self.webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            begin = self.pipeline.get_clock().get_time() - self.pipeline.get_base_time()
            for n in range(len(self.pads)):
                self.pipeline.get_by_name(f"pace{n}").set_property("ts-offset", begin)

    def on_event(self, pad, info):
        if info.get_event().type == Gst.EventType.EOS:
            self.pads.remove(pad)
            if not self.pads:
                GLib.timeout_add(500, self.loop.quit)
        return Gst.PadProbeReturn.OK

    def offer(self):
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))
        return False

    def on_offer(self, promise):
        reply = promise.get_reply()  # the offer lives as long as this
        self.webrtc.emit("set-local-description", reply.get_value("offer"), None)

    def on_gathered(self, *_):
        if self.webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.begin)

    def begin(self):
        if self.report["offer"]:
            return
        self.report["offer"] = self.webrtc.get_property("local-description").sdp.as_text()
        self.report["status"], head, body = self.ask("POST", self.wish["address"], self.report["offer"])
        self.report["answer"] = body
        if self.report["status"] != 201:
            self.loop.quit()
            return
        self.session = urllib.parse.urljoin(self.wish["address"], head["Location"])
        _, answer = GstSdp.SDPMessage.new_from_text(body)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, answer)
        self.webrtc.emit("set-remote-description", description, None)

    def ask(self, method, address, body):
        head = {"Content-Type": "application/sdp"} if body else {}
        if self.wish["token"]:
            head["Authorization"] = "Bearer " + self.wish["token"]
        request = urllib.request.Request(address, body and body.encode(), head, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def on_pad(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        pad.link(self.pipeline.get_by_name(kind).get_static_pad("sink"))


Gst.init(None)
Peer(json.loads(sys.argv[1])).run()
