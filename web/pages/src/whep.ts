// Plays a stream over WebRTC, by WHEP (draft-ietf-wish-whep): the player offers, the server answers.

import type { Tell } from "./carriage.ts";
import { end, isKnown, lossOf, offer, type Loss } from "./dialogue.ts";
import type { Ending, Picture, Player } from "./player.ts";
import { label, Line, protocol, readTimed } from "./rtp.ts";
import type { Meeting } from "./session.ts";

/** Says whether this browser has what WHEP needs. */
export const isSupported = (): boolean => "RTCPeerConnection" in window && "addTransceiver" in RTCPeerConnection.prototype;

const connectPatience = 5000; // ms from the answer to a connection
const picturePatience = 10_000; // ms from the answer to the first picture: an encoder may have few key frames
const slack = 40; // ms that pictures and sound wait at least, so that a state is there before its picture
const soundPatience = 1000; // ms from an answer without sound to another question
const beat = 1000; // ms between two looks at the statistics
const silentBeats = 3; // without a packet, after which the server is asked whether it is still there

/** What to play. */
export interface Wish {
  readonly address: string;
  readonly token: string; // empty: none
  /** Asked where the answer has no sound: says whether another protocol has some. */
  readonly hasSound: () => Promise<boolean>;
}

/** Asks for a stream, and plays it in a video element. */
export async function meet(video: HTMLVideoElement, wish: Wish, state: Tell, signal: AbortSignal): Promise<Meeting> {
  const first = await attempt(video, wish, state, signal, false);
  if (first) return first;
  // At the beginning of a show the pictures may be there before the sound, and an answer never changes.
  await new Promise((done) => setTimeout(done, soundPatience));
  if (signal.aborted) return elsewhere;
  return (await attempt(video, wish, state, signal, true)) ?? elsewhere;
}

// Gives null where the stream has no sound and that will not do.
async function attempt(video: HTMLVideoElement, wish: Wish, state: Tell, signal: AbortSignal, silentToo: boolean): Promise<Meeting | null> {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = new MediaStream();
  for (const kind of ["video", "audio"]) {
    const { receiver } = pc.addTransceiver(kind, { direction: "recvonly" });
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = slack;
    media.addTrack(receiver.track);
  }
  const clock = new Clock();
  const channel = pc.createDataChannel(label, { protocol, ordered: true });
  channel.addEventListener("message", ({ data }) => clock.take(data, state));
  let session = "";
  let closed = false;
  let watching: ReturnType<typeof setInterval> | undefined;
  const close = (): void => {
    if (closed) return;
    closed = true;
    clearInterval(watching);
    signal.removeEventListener("abort", close);
    if (video.srcObject === media) video.srcObject = null;
    if (session) void end(session, wish.token, pc);
    else pc.close();
  };
  signal.addEventListener("abort", close);
  const refuse = (meeting: Meeting): Meeting => {
    close();
    return meeting;
  };
  try {
    await pc.setLocalDescription();
    const reply = await offer(wish.address, wish.token, pc.localDescription?.sdp ?? "", signal);
    session = reply.session;
    if (signal.aborted || reply.code !== 201) return refuse(meaning(reply.code, reply.after));
    await pc.setRemoteDescription({ type: "answer", sdp: reply.answer });
    if (isSilent(pc) && (await wish.hasSound())) return refuse(elsewhere);
    if (isSilent(pc) && !silentToo) return close(), null;
    const over = lossOf(pc, () => pc.getTransceivers()[0]?.receiver.transport);
    video.srcObject = media;
    if (!(await firstPicture(video, pc, over, signal))) return refuse(elsewhere);
    const delay = new Delay();
    const silence = new Silence();
    const missed = new Promise<Loss>((miss) => {
      const look = async (): Promise<void> => {
        const stats = await pc.getStats();
        delay.take(stats);
        if (silence.take(stats) && !(await isKnown(session, wish.token))) miss("lost");
      };
      watching = setInterval(() => void look().catch(() => undefined), beat); // closed since
    });
    const player: Player = { transport: "whep", latency: () => delay.seconds, time: (picture) => clock.of(picture), close };
    const left = (how: Loss): Ending => {
      if (how === "closed") session = ""; // the server has forgotten it
      close();
      return how; // it may have ended: the next answer tells
    };
    return { is: "playing", player, over: Promise.race([over, missed]).then(left) };
  } catch {
    return refuse(elsewhere); // an answer that this browser does not take
  }
}

const elsewhere: Meeting = { is: "elsewhere", again: true };

/** Says what an answer other than 201 means. */
export function meaning(code: number, after: number): Meeting {
  if (code === 409) return { is: "absent", after };
  if (code === 0) return { is: "unreachable" };
  // There is no WHEP here, or this viewer may not have it: that stays so.
  return { is: "elsewhere", again: ![401, 403, 404, 405, 501].includes(code) };
}

// Says whether the server sends no sound.
function isSilent(pc: RTCPeerConnection): boolean {
  return !pc.getTransceivers().some((t) => t.receiver.track.kind === "audio" && t.currentDirection === "recvonly");
}

// Waits for the first picture; false where none comes.
async function firstPicture(video: HTMLVideoElement, pc: RTCPeerConnection, over: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((done) => {
    const settle = (there: boolean): void => {
      for (const timer of timers) clearTimeout(timer);
      video.removeEventListener("loadeddata", came);
      signal.removeEventListener("abort", failed);
      done(there);
    };
    const came = (): void => settle(true);
    const failed = (): void => settle(false);
    const timers = [
      setTimeout(() => pc.connectionState !== "connected" && failed(), connectPatience),
      setTimeout(failed, picturePatience),
    ];
    video.addEventListener("loadeddata", came);
    signal.addEventListener("abort", failed);
    void over.then(failed);
  });
}

// The time of pictures and of states, in seconds.
class Clock {
  readonly #line = new Line();
  #newest = NaN; // time of the newest state

  take(text: unknown, state: Tell): void {
    const got = readTimed(text);
    if (!got) return;
    this.#newest = this.#line.seconds(got.timestamp);
    state(got.state, this.#newest, true);
  }

  // Where the browser does not tell the timestamp of a picture, states hold as soon as they are there.
  of({ rtpTimestamp }: Picture): number {
    return rtpTimestamp === undefined ? this.#newest : this.#line.seconds(rtpTimestamp);
  }
}

/** Tells when no packet has come for a while. */
export class Silence {
  #packets = NaN;
  #beats = 0;

  /** Says, each so many beats, that it is silent. */
  take(stats: Iterable<readonly [string, unknown]> | RTCStatsReport): boolean {
    let packets = 0;
    for (const [, value] of stats as Iterable<readonly [string, unknown]>) {
      const s = value as Record<string, unknown>;
      if (s["type"] === "inbound-rtp") packets += Number(s["packetsReceived"] ?? 0);
    }
    this.#beats = packets === this.#packets ? this.#beats + 1 : 0;
    this.#packets = packets;
    return this.#beats > 0 && this.#beats % silentBeats === 0;
  }
}

/** What of the statistics the delay is made of. */
interface Sums {
  readonly time: number; // s that all pictures together needed from their first packet to being decoded
  readonly pictures: number;
}

/** How long a picture was on its way: half the time there and back, and what it waited here. */
export class Delay {
  seconds = NaN;
  #before: Sums = { time: 0, pictures: 0 };

  take(stats: Iterable<readonly [string, unknown]> | RTCStatsReport): void {
    let trip = NaN;
    let sums: Sums | null = null;
    for (const [, value] of stats as Iterable<readonly [string, unknown]>) {
      const s = value as Record<string, unknown>;
      if (s["type"] === "candidate-pair" && s["nominated"] === true) trip = number(s["currentRoundTripTime"]);
      if (s["type"] !== "inbound-rtp" || s["kind"] !== "video") continue;
      const whole = { time: number(s["totalProcessingDelay"]), pictures: number(s["framesDecoded"]) };
      const waited = { time: number(s["jitterBufferDelay"]), pictures: number(s["jitterBufferEmittedCount"]) };
      sums = Number.isNaN(whole.time) ? waited : whole;
    }
    if (!sums) return;
    const waited = (sums.time - this.#before.time) / (sums.pictures - this.#before.pictures);
    this.#before = sums;
    this.seconds = Number.isFinite(waited) ? trip / 2 + waited : NaN;
  }
}

const number = (value: unknown): number => (typeof value === "number" ? value : NaN);
