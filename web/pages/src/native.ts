// Plays HLS by the browser itself, where it can and hls.js cannot: Safari on older iPhones. There the states are cues of text
// tracks of kind metadata.

import { attribute, description, messages, unwrap } from "./carriage.ts";
import type { Listener, Player } from "./player.ts";
import { read } from "./states.ts";

/** Says whether this browser plays HLS by itself. */
export const isSupported = (video: HTMLVideoElement): boolean => video.canPlayType("application/vnd.apple.mpegurl") !== "";

/** Begins to play a multivariant playlist; see Play. */
export function play(video: HTMLVideoElement, address: string, listener: Listener): Player {
  const seen = new WeakSet<object>();
  const scan = (): void => {
    for (const track of video.textTracks) {
      if (track.kind !== "metadata") continue;
      track.mode = "hidden"; // loads its cues, and shows nothing
      for (const cue of track.cues ?? []) {
        if (seen.has(cue)) continue;
        seen.add(cue);
        for (const state of textsOf(cue).map(read)) if (state) listener.state(state, cue.startTime, true);
      }
    }
  };
  const ended = (): void => over("ended");
  const failed = (): void => over("lost");
  const on: [EventTarget, string, () => void][] = [
    [video.textTracks, "addtrack", scan], [video.textTracks, "change", scan], [video, "timeupdate", scan],
    [video, "ended", ended], [video, "error", failed],
  ];
  const close = (): void => {
    for (const [target, name, hear] of on) target.removeEventListener(name, hear);
    video.removeAttribute("src");
    video.load();
  };
  const over = (ending: "ended" | "lost"): void => {
    close();
    listener.over(ending);
  };
  for (const [target, name, hear] of on) target.addEventListener(name, hear);
  video.src = address;
  return {
    transport: "native",
    latency: () => (video.seekable.length ? video.seekable.end(video.seekable.length - 1) - video.currentTime : NaN),
    time: (picture) => picture.mediaTime,
    close,
  };
}

/** Gives the messages of a WebKit DataCue: a frame taken apart, an attribute of a date range, or the bytes of a tag. */
export function textsOf(cue: unknown): string[] {
  const { value, data } = cue as { value?: { key?: unknown; info?: unknown; data?: unknown }; data?: unknown };
  if (value?.key === "TXXX" && value.info === description && typeof value.data === "string") return [value.data];
  if (value?.key === attribute && typeof value.data === "string") return [unwrap(value.data)].filter((t) => t !== null);
  return data instanceof ArrayBuffer ? messages(new Uint8Array(data)) : [];
}
