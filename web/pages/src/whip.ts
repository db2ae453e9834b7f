// Sends camera, screen and sound over WebRTC, by WHIP (RFC 9725).

import { end, lossOf, offer, type Loss, type Reply } from "./dialogue.ts";
import type { Attempt } from "./publisher.ts";

/** What to send with. */
export interface Rate {
  readonly bits: number; // a second, of the pictures
  readonly pictures: number; // a second, at most
}

const connectPatience = 5000; // ms from the answer to a connection

/** A connection on its way, or there. */
export class Sender {
  readonly #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  readonly #address: string;
  readonly #key: string;
  readonly #video: RTCRtpTransceiver;
  readonly #audio: RTCRtpTransceiver;
  #session = "";
  #closed = false;

  constructor(address: string, key: string, media: MediaStream) {
    this.#address = address;
    this.#key = key;
    // Both are always there, so that a camera or a microphone that comes later needs no new offer.
    const [picture, sound] = [media.getVideoTracks()[0], media.getAudioTracks()[0]];
    this.#video = this.#pc.addTransceiver(picture ?? "video", { direction: "sendonly", streams: [media] });
    this.#audio = this.#pc.addTransceiver(sound ?? "audio", { direction: "sendonly", streams: [media] });
    const able = RTCRtpSender.getCapabilities("video")?.codecs;
    if (able) this.#video.setCodecPreferences(preferred(able));
  }

  /** Connects. The signal ends that, not a connection that is there. */
  async connect(rate: Rate, signal: AbortSignal): Promise<Attempt> {
    try {
      await this.#pc.setLocalDescription();
      const reply = await offer(this.#address, this.#key, this.#pc.localDescription?.sdp ?? "", signal);
      this.#session = reply.session;
      if (signal.aborted || reply.code !== 201) {
        this.close();
        return refusal(reply);
      }
      await this.#pc.setRemoteDescription({ type: "answer", sdp: hasten(reply.answer, rate.bits) });
      await this.limit(rate);
      const over = lossOf(this.#pc, () => this.#video.sender.transport ?? this.#audio.sender.transport);
      if (await this.#connected(over, signal)) return { is: "sending", over };
      this.close();
      return { is: "unreachable", after: 0, detail: "" };
    } catch {
      this.close();
      return { is: "codec", after: 0, detail: "" }; // an answer that this browser does not take
    }
  }

  #connected(over: Promise<Loss>, signal: AbortSignal): Promise<boolean> {
    return new Promise((done) => {
      const look = (): void => {
        if (this.#pc.connectionState === "connected") settle(true);
      };
      const failed = (): void => settle(false);
      const settle = (there: boolean): void => {
        clearTimeout(timer);
        this.#pc.removeEventListener("connectionstatechange", look);
        signal.removeEventListener("abort", failed);
        done(there);
      };
      const timer = setTimeout(failed, connectPatience);
      this.#pc.addEventListener("connectionstatechange", look);
      signal.addEventListener("abort", failed);
      void over.then(failed);
      look();
    });
  }

  /** Sends other pictures and other sound from now on. */
  async replace(media: MediaStream): Promise<void> {
    await this.#video.sender.replaceTrack(media.getVideoTracks()[0] ?? null);
    await this.#audio.sender.replaceTrack(media.getAudioTracks()[0] ?? null);
  }

  /** Bounds what the pictures need. Each size is a new beginning for all outputs: it is the rate of pictures that gives way. */
  async limit(rate: Rate): Promise<void> {
    const { sender } = this.#video;
    const parameters = sender.getParameters();
    for (const e of parameters.encodings) [e.maxBitrate, e.maxFramerate] = [rate.bits, rate.pictures];
    await sender.setParameters({ ...parameters, degradationPreference: "maintain-resolution" } as RTCRtpSendParameters);
  }

  /** Ends the connection and tells the server so, also while the page goes away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#session) void end(this.#session, this.#key, this.#pc);
    else this.#pc.close();
  }

  /** Lets go of a connection that is lost. The server is not told: to it, an end is that of the show. */
  drop(): void {
    this.#closed = true;
    this.#pc.close();
  }
}

interface Codec {
  readonly mimeType: string;
  readonly sdpFmtpLine?: string;
}

/** Puts H.264 in front, which all outputs carry; of that what needs least, and in packets of all sizes (packetization-mode=1). */
export function preferred<C extends Codec>(codecs: readonly C[]): C[] {
  const rank = ({ mimeType, sdpFmtpLine = "" }: Codec): number => {
    if (!/^video\/h264$/i.test(mimeType)) return 3;
    if (!/packetization-mode=1/.test(sdpFmtpLine)) return 2;
    return /profile-level-id=42e0/i.test(sdpFmtpLine) ? 0 : 1;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b)); // which keeps the order of equals
}

/** Has a browser of the Chromium kind begin at a rate, instead of growing from a small picture. Others pass over that. */
export function hasten(answer: string, bits: number): string {
  return answer.replace(/^(m=video .*?)(?=^m=|(?![^]))/ms, (section) =>
    section.replace(/^a=fmtp:(\d+) (?!apt=)(.*?)(\r?)$/gm, `a=fmtp:$1 $2;x-google-start-bitrate=${Math.round(bits / 1000)}$3`));
}

/** Says why a publisher was not let in. */
export function refusal({ code, after, detail }: Pick<Reply, "code" | "after" | "detail">): Attempt {
  const is = ({ 401: "refused", 403: "refused", 404: "missing", 405: "missing", 501: "missing", 406: "codec", 409: "busy", 415: "codec", 422: "codec" } as const)[code];
  return { is: is ?? "unreachable", after, detail };
}
