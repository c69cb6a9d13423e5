// The chapters of an MP3, out of the first bytes of the file: ID3v2.3 and 2.4, frames CHAP with a TIT2 in each.

const LARGEST = 4_000_000;

// [{start, title}], in their order; start in seconds.
export async function chaptersOf(job, url) {
  if (job.chapters) return job.chapters;
  if (job.options.format !== "mp3") return [];
  const head = await bytes(url, 0, 9);
  if (String.fromCharCode(...head.subarray(0, 3)) !== "ID3") return [];
  const length = safe(head, 6);
  if (length > LARGEST) return [];
  return parse(await bytes(url, 10, 9 + length), head[3]).sort((a, b) => a.start - b.start);
}

async function bytes(url, first, last) {
  const response = await fetch(url, { headers: { Range: `bytes=${first}-${last}` } });
  if (response.status !== 206) throw new Error(`no range: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

// A number of 28 bits, seven in each byte.
const safe = (data, at) => (data[at] << 21) | (data[at + 1] << 14) | (data[at + 2] << 7) | data[at + 3];
const plain = (data, at) => new DataView(data.buffer, data.byteOffset).getUint32(at);

function* frames(data, version) {
  for (let at = 0; at + 10 <= data.length && data[at] !== 0;) {
    const length = version >= 4 ? safe(data, at + 4) : plain(data, at + 4);
    yield { id: String.fromCharCode(...data.subarray(at, at + 4)), data: data.subarray(at + 10, at + 10 + length) };
    at += 10 + length;
  }
}

export function parse(data, version) {
  const chapters = [];
  for (const frame of frames(data, version)) {
    if (frame.id !== "CHAP") continue;
    const name = frame.data.indexOf(0) + 1;
    const inner = [...frames(frame.data.subarray(name + 16), version)].find(({ id }) => id === "TIT2");
    chapters.push({ start: plain(frame.data, name) / 1000, title: inner ? text(inner.data) : "" });
  }
  return chapters;
}

function text(data) {
  const encoding = ["latin1", "utf-16", "utf-16be", "utf-8"][data[0]] ?? "utf-8";
  return new TextDecoder(encoding).decode(data.subarray(1)).replace(/\0+$/, "");
}
