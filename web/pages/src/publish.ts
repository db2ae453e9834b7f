// The page /publish/{stream}: sends camera or screen to a stream, for a creator without an encoder.

import { capture, level, none, pictures, reason, screen, stop, type Choice } from "./capture.ts";
import { isThere } from "./dialogue.ts";
import { publish, type Status } from "./publisher.ts";
import { Sender } from "./whip.ts";

const part = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const desk = part("desk");
const message = part("message");
const preview = part<HTMLVideoElement>("preview");
const key = part<HTMLInputElement>("key");
const keep = part<HTMLInputElement>("keep");
const lists = { picture: part<HTMLSelectElement>("picture"), sound: part<HTMLSelectElement>("sound"), size: part<HTMLSelectElement>("size"), rate: part<HTMLSelectElement>("rate") };
const go = part<HTMLButtonElement>("go");

const stream = decodeURIComponent(location.pathname.split("/").pop() ?? "");
const address = new URL(`../whip/${encodeURIComponent(stream)}`, location.href).href;
const kept = `publish ${stream}`;

/** Gives what the creator is told. */
function words(status: Status, detail: string): string {
  switch (status) {
    case "idle":
      return "You are not on the air.";
    case "connecting":
      return "Connecting…";
    case "live":
      return "You are on the air.";
    case "reconnecting":
      return "The connection was lost. Connecting again…";
    case "unreachable":
      return "The server cannot be reached. Trying again…";
    case "refused":
      return `The stream key was refused. Check that it is the key of ${stream}.`;
    case "missing":
      return `There is no stream ${stream}, or this server takes none from browsers.`;
    case "codec":
      return `The server takes nothing of what this browser sends. ${detail}`.trim();
    case "busy":
      return "Somebody else publishes to this stream. Ask them to stop, then start again.";
    case "taken":
      return "The server has ended this: somebody else publishes to this stream now, or its key was changed. Start again to take it back.";
    case "ended":
      return "You have ended the show.";
  }
}

const say = (text: string): void => {
  if (message.textContent !== text) message.textContent = text;
};

/** Publishing and the pictures for it. */
class Desk {
  #media: MediaStream | null = null;
  #asked = 0; // counts requests for pictures: the last one holds
  #sender: Sender | null = null;
  #running: AbortController | null = null;
  #quiet = (): void => undefined;
  #told: [Status, string] = ["idle", ""];

  /** Takes pictures and sound as they are chosen, on the air too. */
  async choose(): Promise<void> {
    const asked = ++this.#asked;
    let media: MediaStream;
    try {
      media = await capture(choice());
    } catch (fault) {
      if (asked === this.#asked) say(reason(fault));
      return;
    }
    if (asked !== this.#asked) return stop(media);
    const before = this.#media;
    this.#media = preview.srcObject = media;
    this.#quiet();
    this.#quiet = level(media, (loud) => (part<HTMLMeterElement>("level").value = loud));
    for (const track of media.getVideoTracks()) track.addEventListener("ended", () => this.#gone(media));
    await this.#sender?.replace(media).catch(() => undefined); // its end says more
    stop(before);
    await list();
    this.#status(...this.#told); // in place of what was wrong before
  }

  // The creator has stopped sharing the screen in the browser, or pulled the camera out.
  #gone(media: MediaStream): void {
    if (media !== this.#media) return;
    if (lists.picture.value === screen) lists.picture.value = lists.picture.options[0]?.value ?? "";
    void this.choose();
  }

  async start(): Promise<void> {
    if (!this.#media) await this.choose();
    const media = this.#media;
    if (!media || this.#running) return;
    const secret = key.value.trim();
    const running = (this.#running = new AbortController());
    keep.checked ? sessionStorage.setItem(kept, secret) : sessionStorage.removeItem(kept);
    await publish({
      connect: (signal) => (this.#sender = new Sender(address, secret, this.#media ?? media)).connect(rate(), signal),
      close: (how) => {
        how === "lost" ? this.#sender?.drop() : this.#sender?.close();
        this.#sender = null;
      },
      isThere: () => isThere(address),
      status: (status, detail) => this.#status(status, detail),
      sleep: (time, signal) => new Promise((done) => {
        setTimeout(done, time);
        signal.addEventListener("abort", () => done());
      }),
      random: Math.random,
      clock: () => performance.now(),
    }, running.signal);
    this.#running = null;
    this.#status(...this.#told);
  }

  #status(status: Status, detail: string): void {
    this.#told = [status, detail];
    desk.dataset["status"] = status;
    go.textContent = this.isRunning ? "Stop" : "Start";
    key.disabled = this.isRunning;
    say(words(status, detail));
    if (status === "refused") sessionStorage.removeItem(kept);
  }

  /** Ends publishing, at once. */
  stop(): void {
    this.#running?.abort();
    this.#sender?.close();
  }

  toggle(): void {
    this.#running ? this.stop() : void this.start();
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  async limit(): Promise<void> {
    await this.#sender?.limit(rate()).catch(() => undefined); // its end says more
  }
}

function choice(): Choice {
  const [width = 1280, height = 720] = lists.size.value.split("x").map(Number);
  return { picture: lists.picture.value, sound: lists.sound.value, width, height };
}

const rate = (): { bits: number; pictures: number } => ({ bits: Number(lists.rate.value), pictures });

/** Fills the lists of devices, whose names are told only once a page may use them. */
async function list(): Promise<void> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const fill = (list: HTMLSelectElement, kind: MediaDeviceKind, name: string, also: [string, string]): void => {
    const before = list.value;
    const found = devices.filter((d) => d.kind === kind && d.deviceId).map((d, i) => new Option(d.label || `${name} ${i + 1}`, d.deviceId));
    list.replaceChildren(...(found.length ? found : [new Option(name, "")]), new Option(...also));
    if ([...list.options].some((o) => o.value === before)) list.value = before;
  };
  fill(lists.picture, "videoinput", "Camera", ["Screen or window", screen]);
  fill(lists.sound, "audioinput", "Microphone", ["None", none]);
}

async function open(): Promise<void> {
  document.title = `Publish ${stream} · simulcart`;
  part("name").textContent = stream;
  part<HTMLAnchorElement>("watch").href = `../watch/${encodeURIComponent(stream)}`;
  if (!("RTCPeerConnection" in window) || !navigator.mediaDevices) {
    go.disabled = true;
    // They are there in secure contexts alone (Media Capture and Streams §9.1).
    return say(isSecureContext ? "This browser cannot publish." : "Browsers lend camera and microphone to pages over https alone: open this page by https, or on the machine itself.");
  }
  key.value = sessionStorage.getItem(kept) ?? "";
  keep.checked = key.value !== "";
  const work = new Desk();
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    work.toggle();
  });
  for (const chosen of [lists.picture, lists.sound, lists.size]) chosen.addEventListener("change", () => void work.choose());
  lists.rate.addEventListener("change", () => void work.limit());
  navigator.mediaDevices.addEventListener("devicechange", () => void list());
  addEventListener("pagehide", () => work.stop());
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  addEventListener("beforeunload", (event) => work.isRunning && event.preventDefault());
  await list();
  await work.choose();
}

open().catch((fault: unknown) => {
  say("This page is broken. Load it again.");
  throw fault;
});
