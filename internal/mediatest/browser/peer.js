// Watches over WHEP, or publishes over WHIP a canvas whose pictures carry their number and a tone, and notes what it sees. page.js has
// the clock and the reading of numbers.
"use strict";

const noted = { pictures: [], states: [], sent: [], progress: [], status: 0, head: {}, connected: -1, first: -1, wrong: [] };
noted.captured = { beeps: [], flashes: [], sound: { ahead: Infinity }, pictures: { ahead: Infinity } };
let flash = -1; // number of a picture with a beep that is not captured yet
let peer;
let session;
let token;

// One number of a picture as a Gray code with its checksum, as internal/mediatest paints it.
function code(n) {
  const gray = n ^ (n >> 1);
  let crc = 0xff;
  for (const byte of [gray >> 16, (gray >> 8) & 255, gray & 255]) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) & 255) ^ 7 : crc << 1;
  }
  return gray * 256 + crc;
}

function paint(context, n) {
  const { width, height } = context.canvas;
  const word = code(n);
  for (let cell = 0; cell < 32; cell++) {
    context.fillStyle = Math.floor(word / 2 ** (31 - cell)) % 2 === 1 ? "#ebebeb" : "#101010";
    context.fillRect(((cell % 8) * width) / 8, (Math.floor(cell / 8) * height) / 4, width / 8, height / 4);
  }
}

const head = (more) => (token === "" ? more : { ...more, Authorization: `Bearer ${token}` });

// Puts the address on the way in the place of the server's.
function candidates(answer, via) {
  if (via === "") return answer;
  const at = via.lastIndexOf(":");
  return answer
    .replace(/^a=candidate:\S+ \d+ tcp .*\r\n/gm, "")
    .replace(/^(a=candidate:\S+ \d+ udp \d+) \S+ \d+/gm, `$1 ${via.slice(0, at)} ${via.slice(at + 1)}`);
}

// Begins the session, as soon as there is an offer: candidates are not waited for.
async function open({ address, via }) {
  peer.addEventListener("connectionstatechange", () => {
    if (peer.connectionState === "connected" && noted.connected < 0) noted.connected = now();
    if (peer.connectionState === "failed") window.over = true;
  });
  await peer.setLocalDescription();
  const answer = await fetch(address, { method: "POST", headers: head({ "Content-Type": "application/sdp" }), body: peer.localDescription.sdp });
  noted.status = answer.status;
  noted.head = Object.fromEntries(answer.headers);
  const text = await answer.text();
  if (answer.status !== 201) {
    noted.wrong.push(text);
    window.over = true;
    return;
  }
  session = new URL(answer.headers.get("Location"), address).href;
  noted.answer = text;
  await peer.setRemoteDescription({ type: "answer", sdp: candidates(text, via) });
}

// Reads a track, and gives each piece to a function. The clock of pieces becomes known by the one that comes soonest.
async function capture(track, clock, take) {
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    clock.ahead = Math.min(clock.ahead, now() - (value.timestamp + (value.numberOfFrames ? value.duration : 0)) / 1000);
    take(value);
    value.close();
  }
}

// When each beep begins, on the clock of the sound.
function listen(track) {
  const samples = new Float32Array(48000);
  let last = -Infinity;
  return capture(track, noted.captured.sound, (piece) => {
    piece.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    for (let i = 0; i < piece.numberOfFrames; i++) {
      if (Math.abs(samples[i]) < 0.1) continue;
      const at = piece.timestamp / 1000 + (i * 1000) / piece.sampleRate;
      if (at - last > 300) noted.captured.beeps.push(at);
      last = at;
    }
  });
}

// Every decoded picture, whether it is presented or not.
function read(track, { rate }) {
  return capture(track, noted.captured.pictures, (picture) => {
    if (noted.first < 0) noted.first = now();
    const n = number(picture);
    noted.pictures.push([n, picture.metadata().rtpTimestamp ?? 0, now(), Date.now()]);
    if (n >= 0 && n % rate === 0) noted.captured.flashes.push([n, picture.timestamp / 1000]);
  });
}

// Every picture that is put on screen.
function render(_, { rtpTimestamp }) {
  video.requestVideoFrameCallback(render);
  if (noted.first < 0) noted.first = now();
  const picture = new VideoFrame(video);
  noted.pictures.push([number(picture), rtpTimestamp ?? 0, now(), Date.now()]);
  picture.close();
}

async function watch(wish) {
  peer = new RTCPeerConnection();
  const stream = new MediaStream();
  if (wish.renders) video.requestVideoFrameCallback(render);
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  if (wish.channel) {
    const data = peer.createDataChannel("simulcart.overlay", { protocol: "simulcart.overlay.1" });
    data.addEventListener("message", ({ data }) => noted.states.push({ text: data, at: now() }));
  }
  peer.addEventListener("track", ({ track }) => {
    stream.addTrack(track);
    video.srcObject = stream;
    if (track.kind === "video" && !wish.renders) read(track.clone(), wish);
    else if (track.kind === "audio" && wish.beeps) listen(track.clone());
  });
  await open(wish);
}

async function publish({ rate, codec, beeps, ...wish }) {
  peer = new RTCPeerConnection();
  const context = document.getElementById("source").getContext("2d");
  const pictures = context.canvas.captureStream(0).getVideoTracks()[0];
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 440 });
  const out = new MediaStreamAudioDestinationNode(audio);
  const level = new GainNode(audio, { gain: beeps ? 0 : 1 });
  tone.connect(level).connect(out);
  tone.start();
  const sender = peer.addTransceiver(pictures, { direction: "sendonly" });
  if (codec !== "") {
    const { codecs } = RTCRtpSender.getCapabilities("video");
    sender.setCodecPreferences(codecs.filter((c) => c.mimeType === `video/${codec}` || c.mimeType === "video/rtx"));
  }
  peer.addTransceiver(out.stream.getAudioTracks()[0], { direction: "sendonly" });
  await open(wish);
  if (beeps) {
    listen(out.stream.getAudioTracks()[0].clone());
    capture(pictures.clone(), noted.captured.pictures, (picture) => {
      if (flash < 0 || number(picture) !== flash) return;
      noted.captured.flashes.push([flash, picture.timestamp / 1000]);
      flash = -1;
    });
  }
  let n = 0;
  setInterval(async () => {
    if (window.over) return;
    paint(context, n);
    pictures.requestFrame();
    if (beeps && n % rate === 0) {
      flash = n;
      level.gain.setValueAtTime(0.5, audio.currentTime);
      level.gain.setValueAtTime(0, audio.currentTime + 0.05);
    }
    noted.sent.push([n, now(), Date.now()]);
    if (n++ % rate === 0) noted.progress.push([n, (await counted()).video?.framesSent ?? 0]);
  }, 1000 / rate);
}

window.play = (wish) => {
  begin = performance.now();
  token = wish.token;
  const work = wish.publish ? publish(wish) : watch(wish);
  return work.catch((e) => {
    noted.wrong.push(`${e}`);
    window.over = true;
  });
};

// What the browser counts itself, by kind of medium.
async function counted() {
  const all = {};
  for (const s of (await peer.getStats()).values()) {
    if (s.type === "inbound-rtp" || s.type === "outbound-rtp") all[s.kind] = s;
    if (s.type === "candidate-pair" && s.nominated) all.pair = s;
    if (s.type === "codec") all[`codec-${s.mimeType}`] = s;
  }
  return all;
}

window.report = async () => {
  const stats = await counted();
  if (session !== undefined) {
    const ended = await fetch(session, { method: "DELETE", headers: head({}) });
    noted.deleted = ended.status;
  }
  window.over = true;
  return { ...noted, stats };
};
