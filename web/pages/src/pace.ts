// How fast a live stream is played, so that it stays as near to the live edge as the playlist allows.

const begins = 0.12; // s behind the target from which on it is played faster
const ends = 0.02; // s behind the target at which that ends

/**
 * Gives the rate at which to play when the picture is `late` seconds behind where it should be, and the rate is `now`. hls.js has
 * a rule of its own, which needs more than a second of media in advance: with parts of 200 ms there is never so much.
 */
export function pace(late: number, now: number): number {
  if (!(late > (now > 1 ? ends : begins))) return 1;
  return late > 1 ? 1.1 : 1.05;
}
