// Overlay states in HLS: in ID3v2 tags of emsg boxes, and in an attribute of EXT-X-DATERANGE.
//
// This module needs states.ts alone: copy both into a page of yours. With hls.js (1.7.1 or later), listen hears of all states of
// both carriages; with other players, messages and unwrap read what they hand over.
import { read } from "./states.js";
/** Description of the TXXX frame, CLASS of the date range. */
export const description = "simulcart.overlay";
/** Attribute of the date range: the message in base64url. */
export const attribute = "X-SIMULCART-OVERLAY";
const maxValue = 4096; // bytes of a message
/**
 * Tells of each state that an hls.js object meets, before its picture is shown. `events` is Hls.Events. Not by way of cues: those
 * of the date ranges in the first playlist that is loaded never fire.
 */
export function listen(hls, events, tell) {
    const ranges = new Map(); // by ID of the date range
    hls.on(events.FRAG_PARSING_METADATA, (_, { samples }) => {
        for (const { data, pts } of samples) {
            for (const text of messages(data)) {
                const state = read(text);
                if (state)
                    tell(state, pts, true);
            }
        }
    });
    const tellRanges = (_, { details }) => {
        for (const [state, start] of dateRanges(details, ranges))
            tell({ ...state, now: state.at }, start, false);
    };
    hls.on(events.LEVEL_UPDATED, tellRanges);
    hls.on(events.LEVEL_PTS_UPDATED, tellRanges); // before the first media, times are what the playlist leads one to expect
}
// Gives the states of a playlist's date ranges, with the times on the clock of the video from which they hold. What is no
// longer in the playlist is forgotten.
function dateRanges(details, known) {
    for (const id of known.keys())
        if (!(id in details.dateRanges))
            known.delete(id);
    const found = [];
    for (const [id, range] of Object.entries(details.dateRanges)) {
        if (!range || range.class !== description)
            continue;
        let state = known.get(id);
        if (state === undefined) {
            const text = unwrap(range.attr[attribute] ?? "");
            state = text === null ? null : read(text);
            known.set(id, state);
        }
        const start = state ? range.startTime : NaN;
        if (state && Number.isFinite(start))
            found.push([state, start]);
    }
    return found;
}
/**
 * Gives the values of all TXXX frames with our description in ID3v2 tags, one behind the other (ID3v2.4.0 structure §3, §4;
 * frames §4.2.6). Tags and frames that are compressed, encrypted or unsynchronised are not ours and left out.
 *
 *	"ID3" major minor flags size(4, 7 bits each)   then frames: id(4) size(4) flags(2) data
 *	TXXX data: encoding(1) description 00 value
 */
export function messages(data) {
    const found = [];
    for (let at = 0; at + 10 <= data.length && latin1(data, at, 3) === "ID3";) {
        const major = data[at + 3];
        const flags = data[at + 5];
        const end = Math.min(at + 10 + synchsafe(data, at + 6), data.length);
        let frame = at + 10;
        if (flags & 0x40 && frame + 4 <= end)
            frame += major === 4 ? synchsafe(data, frame) : 4 + plain(data, frame);
        if ((major === 3 || major === 4) && !(flags & 0x80))
            readFrames(data.subarray(0, end), frame, major, found);
        at = end + (flags & 0x10 ? 10 : 0); // a footer
    }
    return found;
}
function readFrames(data, at, major, found) {
    while (at + 10 <= data.length && data[at] !== 0) { // zeros are padding
        const size = major === 4 ? synchsafe(data, at + 4) : plain(data, at + 4);
        const body = data.subarray(at + 10, at + 10 + size);
        if (body.length < size)
            return;
        if (latin1(data, at, 4) === "TXXX" && data[at + 9] === 0) {
            const value = ours(body);
            if (value !== null)
                found.push(value);
        }
        at += 10 + size;
    }
}
// Gives the value of a TXXX frame of ours, in ISO 8859-1 (0) or UTF-8 (3).
function ours(body) {
    const end = body.indexOf(0, 1);
    const value = body.subarray(end + 1);
    if ((body[0] !== 3 && body[0] !== 0) || end < 0 || value.length > maxValue || latin1(body, 1, end - 1) !== description)
        return null;
    return body[0] === 3 ? utf8(value) : latin1(value, 0, value.length);
}
/** Gives the message of a date range's attribute; null where there is none. */
export function unwrap(base64url) {
    if (base64url.length > maxValue * 1.4)
        return null;
    try {
        const bytes = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
        return utf8(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    }
    catch {
        return null; // not base64
    }
}
function utf8(bytes) {
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\0+$/, "");
    }
    catch {
        return null;
    }
}
function latin1(data, at, length) {
    let text = "";
    for (const byte of data.subarray(at, at + length))
        text += String.fromCharCode(byte);
    return text;
}
function synchsafe(data, at) {
    return ((data[at] & 127) << 21) | ((data[at + 1] & 127) << 14) | ((data[at + 2] & 127) << 7) | (data[at + 3] & 127);
}
function plain(data, at) {
    return data[at] * 0x1000000 + (data[at + 1] << 16) + (data[at + 2] << 8) + data[at + 3];
}
