// What a creator may send: pictures of a camera or a screen, and sound of a microphone.

/** Values of the lists that are no device. */
export const screen = "screen";
export const none = "none";

/** What the creator has chosen. */
export interface Choice {
  readonly picture: string; // id of a camera, "" for any, or screen
  readonly sound: string; // id of a microphone, "" for any, or none
  readonly width: number; // pixels, as wished
  readonly height: number;
}

export const pictures = 30; // a second

/** Asks the browser for pictures and sound; it may ask the creator. What was given before is not touched. */
export async function capture(choice: Choice): Promise<MediaStream> {
  const size = { width: { ideal: choice.width }, height: { ideal: choice.height }, frameRate: { ideal: pictures, max: pictures } };
  const { mediaDevices } = navigator;
  const microphone = choice.sound === none ? false : device(choice.sound);
  if (choice.picture !== screen) {
    return hinted(await mediaDevices.getUserMedia({ video: { ...device(choice.picture), ...size }, audio: microphone }), "motion");
  }
  // A screen is sent as large as it is wished at most. Its own sound is used where no microphone is.
  const most = { width: { max: choice.width }, height: { max: choice.height }, frameRate: { max: pictures } };
  const media = await mediaDevices.getDisplayMedia({ video: most, audio: microphone === false });
  try {
    if (microphone) for (const track of (await mediaDevices.getUserMedia({ audio: microphone })).getTracks()) media.addTrack(track);
  } catch (fault) {
    stop(media);
    throw fault;
  }
  return hinted(media, "detail");
}

const device = (id: string): MediaTrackConstraints => (id ? { deviceId: { exact: id } } : {});

// Tells the encoder what it gets.
function hinted(media: MediaStream, hint: string): MediaStream {
  for (const track of media.getVideoTracks()) track.contentHint = hint;
  return media;
}

/** Switches camera, screen and microphone off. */
export function stop(media: MediaStream | null): void {
  for (const track of media?.getTracks() ?? []) track.stop();
}

/** Says in plain words why there are no pictures. */
export function reason(fault: unknown): string {
  switch (fault instanceof DOMException ? fault.name : "") {
    case "NotAllowedError":
      return "The browser did not let this page use the camera, the microphone or the screen. Allow it beside the address, then choose again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no such camera or microphone. Choose another one.";
    case "NotReadableError":
    case "AbortError":
      return "The camera or microphone is in use by another program. Close that, then choose again.";
  }
  return "Camera and microphone cannot be used here.";
}

/** Measures how loud the sound is, 0 to 1, and tells it each tenth of a second. Gives what ends that. */
export function level(media: MediaStream, tell: (level: number) => void): () => void {
  if (media.getAudioTracks().length === 0) {
    tell(0);
    return () => undefined;
  }
  const context = new AudioContext();
  const meter = context.createAnalyser();
  const samples = new Float32Array(meter.fftSize);
  context.createMediaStreamSource(media).connect(meter);
  const timer = setInterval(() => {
    meter.getFloatTimeDomainData(samples);
    tell(loudness(samples));
  }, 100);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

const quiet = -60; // dB of full scale, shown as 0

/** Gives how loud samples are, 0 to 1, on a scale of decibels. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
  return Math.min(1, Math.max(0, 1 - (10 * Math.log10(power)) / quiet)) || 0;
}
