// What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common: an offer is posted, the answer comes with the address of a
// session, and DELETE ends that. The server is ICE-lite and tells where it is in its answer, so that nobody waits for candidates.

/** What the server said to an offer. */
export interface Reply {
  readonly code: number; // of HTTP; 0: the server could not be reached
  readonly answer: string; // SDP; empty unless the code is 201
  readonly session: string; // its address; empty likewise
  readonly after: number; // ms after which to try again; 0: it did not say
  readonly detail: string; // what is wrong, in its own words
}

const patience = 10_000; // ms for an answer
const endPatience = 2000; // ms for the server to hear of an end
const knownPatience = 3000; // ms for the server to know a session
const longestAfter = 60_000; // ms that a server may have us wait

const headers = (secret: string): Record<string, string> => (secret ? { Authorization: `Bearer ${secret}` } : {});
const always = { cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer" } as const;

/** Posts an offer. The secret travels in a header alone. */
export async function offer(address: string, secret: string, sdp: string, signal: AbortSignal): Promise<Reply> {
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  const timer = setTimeout(stop, patience);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const response = await fetch(address, {
      ...always, method: "POST", headers: { ...headers(secret), "Content-Type": "application/sdp" }, body: sdp, signal: limit.signal,
    });
    const body = await response.text();
    const made = response.status === 201;
    return {
      code: response.status,
      answer: made ? body : "",
      session: made ? new URL(response.headers.get("Location") ?? "", address).href : "",
      after: waitOf(response.headers.get("Retry-After")),
      detail: made ? "" : detailOf(body),
    };
  } catch {
    return { code: 0, answer: "", session: "", after: 0, detail: "" };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Ends a session and then its connection, also while the page goes away. In this order: a connection that is closed first is lost to
 * the server, and the session forgotten.
 */
export async function end(session: string, secret: string, pc: { close(): void }): Promise<void> {
  // A session that cannot be told of its end is over when no packet comes any more.
  const told = fetch(session, { ...always, method: "DELETE", headers: headers(secret), keepalive: true }).catch(() => undefined);
  await Promise.race([told, new Promise((done) => setTimeout(done, endPatience))]);
  pc.close();
}

/** Says whether the server still knows a session; no, where it cannot be reached. */
export async function isKnown(session: string, secret: string): Promise<boolean> {
  const head = { ...headers(secret), "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" };
  try {
    const signal = AbortSignal.timeout(knownPatience);
    return (await fetch(session, { ...always, method: "PATCH", headers: head, body: "a=end-of-candidates\r\n", signal })).status !== 404;
  } catch {
    return false;
  }
}

/** Says whether somebody answers at an address. */
export async function isThere(address: string): Promise<boolean> {
  try {
    return (await fetch(address, { ...always, method: "OPTIONS" })).ok;
  } catch {
    return false;
  }
}

/** Reads Retry-After in seconds (RFC 9110 §10.2.3), as milliseconds. */
export function waitOf(header: string | null): number {
  return header !== null && /^\d{1,9}$/.test(header) ? Math.min(Number(header) * 1000, longestAfter) : 0;
}

function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    return typeof detail === "string" ? detail.slice(0, 300) : "";
  } catch {
    return "";
  }
}

/** How a connection came to an end that was not ours: it is silent, or the server closed it. */
export type Loss = "lost" | "closed";

const silence = 3000; // ms without a sign of life in which a connection may mend itself

/** Waits for the end of a connection. `transport` gives its DTLS transport, once there is one. */
export function lossOf(pc: RTCPeerConnection, transport: () => RTCDtlsTransport | null | undefined): Promise<Loss> {
  return new Promise((done) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let heard: RTCDtlsTransport | null = null;
    const look = (): void => {
      const dtls = transport() ?? null;
      if (dtls && dtls !== heard) (heard = dtls).addEventListener("statechange", look);
      clearTimeout(timer);
      if (dtls?.state === "closed") done("closed");
      else if (pc.connectionState === "failed" || pc.connectionState === "closed") done("lost");
      else if (pc.connectionState === "disconnected") timer = setTimeout(() => done("lost"), silence);
    };
    pc.addEventListener("connectionstatechange", look);
    look();
  });
}
