// Plays HLS, low latency where the playlist has it, by hls.js.

import Hls, { Events, type LevelDetails } from "hls.js/light";

import { attribute, description, messages, unwrap } from "./id3.ts";
import type { Ending, Listener, Player } from "./player.ts";
import { read, type State } from "./states.ts";

/** Says whether this browser has what hls.js needs. */
export const isSupported = (): boolean => Hls.isSupported();

const endSlack = 0.5; // s before the end of the buffer in which the picture of an ended stream may stop

/** Begins to play a multivariant playlist; see Play. */
export function play(video: HTMLVideoElement, address: string, listener: Listener): Player {
  const hls = new Hls({
    lowLatencyMode: true,
    enableWorker: false, // fMP4 passes through: there is nothing to remux
    maxLiveSyncPlaybackRate: 1.1, // catches up after a stall
    backBufferLength: 30,
    enableEmsgMetadataCues: false, // states are read before they become cues, and a track of cues would load a data: URL
    enableID3MetadataCues: false,
    enableDateRangeMetadataCues: false,
  });
  const ranges = new Map<string, State | null>(); // by ID of the date range
  let closed = false;

  const close = (): void => {
    if (closed) return;
    closed = true;
    video.removeEventListener("ended", finish);
    hls.destroy();
  };
  const over = (ending: Ending): void => {
    if (closed) return;
    close();
    listener.over(ending);
  };
  const finish = (): void => over("ended");

  hls.on(Events.FRAG_PARSING_METADATA, (_, { samples }) => {
    for (const { data, pts } of samples) {
      for (const state of messages(data).map(read)) if (state) listener.state(state, pts, true);
    }
  });
  // Not by way of cues: those of the first playlist that is loaded never fire.
  hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
    for (const { state, start } of dateRanges(details, ranges)) listener.state({ ...state, now: state.at }, start, false);
  });
  let repairs = 0;
  hls.on(Events.ERROR, (_, { fatal, type }) => {
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR && repairs++ < 1) hls.recoverMediaError();
    else over(atEnd(video, hls) ? "ended" : "lost");
  });
  video.addEventListener("ended", finish);
  hls.loadSource(address);
  hls.attachMedia(video);
  return { transport: "hls.js", latency: () => hls.latency || NaN, close };
}

// Gives the states of a playlist's date ranges, with the media times from which they hold. Those that are no longer in the
// playlist are forgotten.
function* dateRanges(details: LevelDetails, known: Map<string, State | null>): Generator<{ state: State; start: number }> {
  for (const id of known.keys()) if (!(id in details.dateRanges)) known.delete(id);
  for (const [id, range] of Object.entries(details.dateRanges)) {
    if (!range || range.class !== description) continue;
    let state = known.get(id);
    if (state === undefined) {
      const text = unwrap(range.attr[attribute] ?? "");
      state = text === null ? null : read(text);
      known.set(id, state);
    }
    const start = range.startTime;
    if (state && Number.isFinite(start)) yield { state, start };
  }
}

// An ended stream may lose its last playlist to who was slow.
function atEnd(video: HTMLVideoElement, hls: Hls): boolean {
  const live = hls.latestLevelDetails?.live ?? true;
  const { buffered } = video;
  return !live && buffered.length > 0 && buffered.end(buffered.length - 1) - video.currentTime < endSlack;
}
