// Plays HLS, low latency where the playlist has it, by hls.js.

import Hls, { Events } from "hls.js/light";

import { listen } from "./carriage.ts";
import { pace } from "./pace.ts";
import type { Ending, Listener, Player } from "./player.ts";

/** Says whether this browser has what hls.js needs. */
export const isSupported = (): boolean => Hls.isSupported();

const endSlack = 0.5; // s before the end of the buffer in which the picture of an ended stream may stop

/** Begins to play a multivariant playlist; see Play. */
export function play(video: HTMLVideoElement, address: string, listener: Listener): Player {
  const hls = new Hls({
    lowLatencyMode: true,
    enableWorker: false, // fMP4 passes through: there is nothing to remux
    backBufferLength: 30,
    enableEmsgMetadataCues: false, // states are read before they become cues, and a track of cues would load a data: URL
    enableID3MetadataCues: false,
    enableDateRangeMetadataCues: false,
  });
  // Later than so many target durations, as where a tab slept, it jumps ahead. As an option hls.js takes it only with one that
  // overrides the hold-back of the playlist.
  hls.config.liveMaxLatencyDurationCount = 5;
  let closed = false;

  const close = (): void => {
    if (closed) return;
    closed = true;
    video.removeEventListener("ended", finish);
    video.removeEventListener("timeupdate", keepUp);
    video.playbackRate = 1;
    hls.destroy();
  };
  const over = (ending: Ending): void => {
    if (closed) return;
    close();
    listener.over(ending);
  };
  const finish = (): void => over("ended");
  const keepUp = (): void => {
    const live = hls.latestLevelDetails?.live ?? false;
    const rate = live ? pace(hls.latency - (hls.targetLatency ?? NaN), video.playbackRate) : 1;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  };

  listen(hls, Events, listener.state);
  let repairs = 0;
  hls.on(Events.ERROR, (_, { fatal, type }) => {
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR && repairs++ < 1) hls.recoverMediaError();
    else over(atEnd(video, hls) ? "ended" : "lost");
  });
  video.addEventListener("ended", finish);
  video.addEventListener("timeupdate", keepUp);
  hls.loadSource(address);
  hls.attachMedia(video);
  return { transport: "hls.js", latency: () => hls.latency || NaN, time: (picture) => picture.mediaTime, close };
}

// An ended stream may lose its last playlist to who was slow.
function atEnd(video: HTMLVideoElement, hls: Hls): boolean {
  const live = hls.latestLevelDetails?.live ?? true;
  const { buffered } = video;
  return !live && buffered.length > 0 && buffered.end(buffered.length - 1) - video.currentTime < endSlack;
}
