// Server-sent events over fetch, which tells why a stream was refused as EventSource does not. Comes back after a cut,
// with the last id, ever more seldom.

import { fetchApi } from "./session.js";

// Calls heard(type, data) for each event until `signal` aborts. `alive(is)` tells whether the stream stands.
export async function listen(path, signal, heard, alive) {
  let last = null;
  let pause = 1000;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await fetchApi(path, { headers, signal });
      if (!response.ok) throw new Error(response.status);
      alive(true);
      pause = 1000;
      for await (const event of parsed(response.body)) {
        last = event.id ?? last;
        if (event.data) heard(event.type, JSON.parse(event.data));
      }
    } catch { /* Cut off, or refused: we come again, ever more seldom. */ }
    alive(false);
    if (signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(30_000, pause * 2);
  }
}

async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text = (text + value).replaceAll("\r\n", "\n");
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      yield event(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function event(block) {
  const found = { type: "message", id: null, data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
    if (field === "event") found.type = value;
    if (field === "id") found.id = value;
    if (field === "data") found.data += (found.data && "\n") + value;
  }
  return found;
}
