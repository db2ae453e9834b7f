// The page /watch/{stream}: plays a stream, and draws its products over the picture.

import { Cards } from "./cards.ts";
import * as hls from "./hls.ts";
import * as native from "./native.ts";
import { eachPicture, type Ending, type Listener, type Play, type Player } from "./player.ts";
import { Exposed } from "./exposed.ts";
import { watch, type Meeting, type Status } from "./session.ts";
import { States, type Shown } from "./states.ts";
import * as whep from "./whep.ts";

const beat = 500; // ms between two looks at the delay

const part = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const video = part<HTMLVideoElement>("video");
const message = part("message");

/** Takes the token out of the address, where people would copy it from, and keeps it for this tab. */
function takeToken(stream: string): string {
  const address = new URL(location.href);
  const key = `watch ${stream}`;
  const token = address.searchParams.get("token") ?? sessionStorage.getItem(key) ?? "";
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  if (token) sessionStorage.setItem(key, token);
  return token;
}

/** Gives what a viewer is told. */
function words(status: Status, stream: string, withToken: boolean): string {
  switch (status) {
    case "asking":
      return "Connecting…";
    case "playing":
      return "";
    case "absent":
      return `${stream} is not live yet. This page begins by itself.`;
    case "unreachable":
      return "The server cannot be reached. Trying again…";
    case "lost":
      return "The stream was interrupted. Trying again…";
    case "ended":
      return "The show has ended.";
    case "refused":
      return withToken ? "This link has expired or is not valid. Ask for a new one." : "This show can be watched with a link only. Ask for one.";
  }
}

/** Says whether the playlist names sound. */
async function hasSound(playlist: string): Promise<boolean> {
  try {
    const response = await fetch(playlist, { cache: "no-store", credentials: "same-origin" });
    return response.ok && /CODECS="[^"]*(mp4a|opus|[ae]c-3|flac)/i.test(await response.text());
  } catch {
    return false;
  }
}

/** Plays until the signal. */
async function run(play: Play, signal: AbortSignal): Promise<void> {
  const stream = decodeURIComponent(location.pathname.split("/").pop() ?? "");
  const token = takeToken(stream);
  const at = (path: string): string => new URL(path, location.href).href;
  const playlist = at(`../hls/${encodeURIComponent(stream)}/index.m3u8${token ? `?token=${encodeURIComponent(token)}` : ""}`);
  document.title = `${stream} · simulcart`;
  const cards = new Cards(part("stage"), video);
  const exposed = new Exposed(video);
  let states = new States();
  let player: Player | null = null;
  let shown: Shown | null = null;
  const apply = (next: Shown | null, time: number): void => {
    if (next === shown) return;
    shown = next;
    cards.show(next);
    exposed.applied(next, time);
  };
  const status = (now: Status): void => {
    exposed.is(now);
    // Until the first picture is there, the page still connects.
    const text = words(now === "playing" && video.readyState < video.HAVE_CURRENT_DATA ? "asking" : now, stream, token !== "");
    if (message.textContent !== text) message.textContent = text;
  };
  const plays = (next: Player): Player => (player = exposed.plays(next));
  const fresh = (): Listener["state"] => {
    const own = (states = new States());
    return (state, time, exact) => own.add(state, time, exact);
  };
  const gone = (): void => {
    player = null;
    apply(null, video.currentTime);
  };
  const begin = (address: string, over: (ending: Ending) => void): Player =>
    plays(play(video, address, { state: fresh(), over: (ending) => (gone(), over(ending)) }));
  const meet = async (signal: AbortSignal): Promise<Meeting> => {
    const wish = { address: at(`../whep/${encodeURIComponent(stream)}`), token, hasSound: () => hasSound(playlist) };
    const meeting = await whep.meet(video, wish, fresh(), signal);
    if (meeting.is === "playing") {
      plays(meeting.player);
      void meeting.over.then(gone);
    }
    return meeting;
  };
  eachPicture(video, (picture) => {
    if (!player) return;
    const time = player.time(picture);
    apply(states.at(time), time);
  });
  video.addEventListener("playing", () => exposed.status === "playing" && status("playing"));
  status("asking");
  await watch(playlist, {
    meet: whep.isSupported() ? meet : null,
    fetch: (...request) => fetch(...request),
    play: begin,
    status,
    sleep: (time) => new Promise((done) => setTimeout(done, time)),
    random: Math.random,
    clock: () => performance.now(),
  }, signal);
  if (!signal.aborted) sessionStorage.removeItem(`watch ${stream}`); // it was refused
}

/** Makes the buttons work. */
function controls(latency: () => number): void {
  const sound = part("sound");
  const start = part("start");
  const delay = part("delay");
  const figure = part("figure");
  const begin = (): void => {
    video.play().then(() => (start.hidden = true), () => (start.hidden = !video.paused));
  };
  sound.addEventListener("click", () => (video.muted = !video.muted));
  video.addEventListener("volumechange", () => (sound.textContent = video.muted ? "Sound on" : "Sound off"));
  start.addEventListener("click", begin);
  video.addEventListener("loadeddata", begin);
  delay.addEventListener("click", () => {
    figure.hidden = !figure.hidden;
    delay.setAttribute("aria-pressed", String(!figure.hidden));
  });
  part("full").hidden = !document.fullscreenEnabled;
  part("full").addEventListener("click", () => {
    // The stage and not the video, so that the cards come along. A browser that refuses has said why to its user.
    const asked = document.fullscreenElement ? document.exitFullscreen() : part("stage").requestFullscreen();
    asked.catch(() => undefined);
  });
  setInterval(() => {
    const seconds = latency();
    const text = Number.isFinite(seconds) ? `${seconds.toFixed(1)} s behind live` : "delay unknown";
    if (!figure.hidden && figure.textContent !== text) figure.textContent = text;
  }, beat);
}

const play = hls.isSupported() ? hls.play : native.isSupported(video) ? native.play : null;
if (play) {
  const leave = new AbortController();
  addEventListener("pagehide", () => leave.abort());
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  controls(() => window.simulcart?.latency ?? NaN);
  run(play, leave.signal).catch((fault: unknown) => {
    message.textContent = "This page is broken. Load it again.";
    throw fault;
  });
} else message.textContent = "This browser cannot play the stream.";
