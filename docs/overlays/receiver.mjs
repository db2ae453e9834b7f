const uuid = "5b6d1f0e2c8a4c1b9e7a73696d756c63";
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const isLink = (link) => typeof link === "string" && link.length <= 200 && link.startsWith("https://");

// read gives the newer of the state that one has, null at first, and that of a message, such as the text of onTextData.
export function read(have, text) {
  try {
    const got = JSON.parse(text);
    if (text.length > 4096 || got.v !== 1 || !Number.isSafeInteger(got.seq) || got.show.length > 4) return have;
    if (have && got.stream === have.stream && got.seq <= have.seq) return have;
    return { ...got, show: got.show.filter((card) => isLink(card.product.link)) };
  } catch { return have; } // no JSON, or not what a state consists of
}

// newest does so for the messages in an H.264 access unit, a Uint8Array of NAL units behind 4-byte lengths.
export function newest(have, unit) {
  const view = new DataView(unit.buffer, unit.byteOffset, unit.byteLength);
  for (let at = 0, i = 1; at + 4 < unit.length; at += 4 + view.getUint32(at), i = 1) {
    const nal = unit.subarray(at + 4, at + 4 + view.getUint32(at));
    if ((nal[0] & 31) !== 6) continue;
    const sei = nal.filter((b, k) => b !== 3 || nal[k - 1] !== 0 || nal[k - 2] !== 0); // without emulation prevention
    const number = (n = 0) => { while (sei[i] === 255) n += sei[i++]; return n + sei[i++]; };
    while (i + 2 < sei.length) {
      const type = number(), size = number(), payload = sei.subarray(i, i += size);
      if (type === 5 && hex(payload.subarray(0, 16)) === uuid) have = read(have, new TextDecoder().decode(payload.subarray(16)));
    }
  }
  return have;
}
