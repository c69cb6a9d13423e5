// Resumable uploads of the platform: by tus-js-client, over a line that is cut, and beside those of `@tus/server`, which
// must answer the same calls in the same way.
//
//   node tus.mjs FOLDER HOME TOKEN VIDEO     FOLDER of node_modules; HOME with a slash at its end

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [folder, home, token, path] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const [{ Server }, { FileStore }] = await Promise.all(
  ["@tus/server", "@tus/file-store"].map((name) => import(`${folder}/node_modules/${name}/dist/index.js`)),
);
const tus = require("tus-js-client");

const video = readFileSync(path);
const authorization = `Bearer ${token}`;
const PART = { "Content-Type": "application/offset+octet-stream" };
const base64 = (text) => Buffer.from(text).toString("base64");

// A server's answers, as far as both must give the same.
async function call(base, method, place, headers = {}, body = undefined) {
  const all = { "Tus-Resumable": "1.0.0", Authorization: authorization, ...headers };
  const answer = await fetch(new URL(place, base), { method, headers: all, body });
  await answer.arrayBuffer();
  const said = (name) => answer.headers.get(name);
  const same = { status: answer.status, offset: said("upload-offset"), version: said("tus-resumable") };
  return { same, length: said("upload-length"), metadata: said("upload-metadata"), location: said("location"), job: said("job-location") };
}

// The same conversation with each; what is compared of it.
async function conversation(base) {
  const heard = [];
  const say = async (...words) => {
    const answer = await call(base, ...words);
    heard.push(answer.same);
    return answer;
  };
  const length = String(video.length);
  const metadata = `filename ${base64("talk.mp4")}`;
  await say("POST", "uploads", {});
  await say("POST", "uploads", { "Upload-Length": "-1" });
  await say("POST", "uploads", { "Upload-Length": length, "Tus-Resumable": "0.2.2" });
  const { location } = await say("POST", "uploads", { "Upload-Length": length, "Upload-Metadata": metadata });
  const part = (at, to, more = {}) => say("PATCH", location, { ...PART, "Upload-Offset": String(at), ...more }, video.subarray(at, to));
  await say("HEAD", location);
  await part(0, 1000);
  await part(0, 1000);
  await part(2000, 3000);
  await say("PATCH", location, { "Content-Type": "video/mp4", "Upload-Offset": "1000" }, video.subarray(1000));
  await say("PATCH", location, PART, video.subarray(1000));
  await part(1000, 1000);
  const now = await say("HEAD", location);
  assert.deepEqual([now.length, now.metadata], [length, metadata]);
  await part(1000, video.length);
  await say("HEAD", location);
  const other = (await say("POST", "uploads", { "Upload-Length": "100" })).location;
  await say("DELETE", other);
  await say("HEAD", "uploads/01hf7yat3v0000000000000000");
  const whole = { ...PART, "Upload-Length": length, "Upload-Metadata": metadata };
  await say("POST", "uploads", whole, video);
  const later = (await say("POST", "uploads", { "Upload-Defer-Length": "1" })).location;
  await say("PATCH", later, { ...PART, "Upload-Offset": "0", "Upload-Length": length }, video.subarray(0, 10));
  return heard;
}

// A number below a limit, by a small generator (Lehmer's, with the constants of Park and Miller).
function chance(seed) {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 0x7fffffff;
    return state % limit;
  };
}

// A walk over a few uploads, the same with each server: parts at the right place and at a wrong one, too long ones, ends.
async function walk(base, seed) {
  const [below, heard, uploads] = [chance(seed), [], []];
  for (let step = 0; step < 150; step += 1) {
    const [what, which, bytes] = [below(12), below(1000), 1 + below(9000)];
    const upload = uploads[which % Math.max(1, uploads.length)];
    const say = async (word, ...call_) => {
      const answer = await call(base, ...call_);
      heard.push({ word: `${step}: ${word} ${upload ? JSON.stringify(upload) : ""}`, ...answer.same });
      return answer;
    };
    if (what === 0 || !upload) {
      const length = 20_000 + 7 * bytes;
      const begin = below(2) ? video.subarray(0, bytes) : undefined;
      const headers = { "Upload-Length": String(length), "Upload-Metadata": `filename ${base64("walk.mp4")}`, ...(begin ? PART : {}) };
      const { location } = await say("create", "POST", "uploads", headers, begin);
      uploads.push({ location, at: begin ? bytes : 0, length, is: "there" });
      continue;
    }
    const { location, at, length, is } = upload;
    if (what === 1) {
      if (is === "ended") continue;
      await say("delete", "DELETE", location);
      upload.is = "gone";
    } else if (what === 2) {
      await say("head", "HEAD", location);
    } else if (is !== "ended") {
      const wrong = what === 3 ? below(3) - 1 : 0;
      const to = what === 4 ? length + bytes : Math.min(length, at + bytes);
      const from = Math.max(0, at + wrong);
      await say("part", "PATCH", location, { ...PART, "Upload-Offset": String(from) }, video.subarray(from, to));
      if (is === "there" && from === at && to <= length) upload.at = to;
      if (upload.at === length) upload.is = "ended";
    }
  }
  return heard.map((answer) => ({ ...answer, word: answer.word.replace(/"location":"[^"]*",/, "") }));
}

// Where both differ, and why ours is right: by the number of the call.
const DIFFERENT = {
  2: [412, 400, "a version that is not spoken: the protocol says 412"],
  8: [415, 400, "a part of another media type: the protocol says 415"],
  9: [400, 403, "a part without its offset can't be read; nothing is forbidden"],
};

// An upload that begins tells its offset here: the protocol asks for it where bytes came with the creation.
function isSame(ours, theirs, at) {
  const [our, their] = DIFFERENT[at] ?? [theirs.status, theirs.status];
  assert.deepEqual([ours.status, theirs.status], [our, their], `call ${at}`);
  assert.equal(ours.version, theirs.version, `call ${at}`);
  if (theirs.status < 400 && theirs.offset !== null) assert.equal(ours.offset, theirs.offset, `call ${at}`);
}

async function agrees() {
  const files = mkdtempSync(join(tmpdir(), "tapedeck-tus-"));
  const other = new Server({ path: "/uploads", datastore: new FileStore({ directory: files }), relativeLocation: true });
  const listening = other.listen({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => (listening.listening ? resolve() : listening.once("listening", resolve)));
  const base = `http://127.0.0.1:${listening.address().port}/`;
  const [theirs, ours] = [await conversation(base), await conversation(home)];
  const walks = [];
  for (const seed of [1, 2, 3]) walks.push([await walk(home, seed), await walk(base, seed)]);
  listening.closeAllConnections();
  listening.close();
  rmSync(files, { recursive: true });
  assert.equal(ours.length, theirs.length);
  ours.forEach((answer, at) => isSame(answer, theirs[at], at));
  for (const [our, their] of walks) our.forEach((answer, at) => isSame(answer, their[at], answer.word));
  const walked = walks.reduce((sum, [our]) => sum + our.length, 0);
  console.log(`${ours.length + walked} answers are those of @tus/server`);
}

// A line to the platform that is cut five times, each time behind a tenth of the video: so not before half of it has come.
function cutLine(counted) {
  const { hostname, port } = new URL(home);
  const tenth = Math.floor(video.length / 10);
  return net.createServer((client) => {
    const server = net.connect(port, hostname);
    const end = () => { client.destroy(); server.destroy(); };
    let left = tenth;
    client.on("data", (bytes) => {
      if (counted.cuts >= 5) return server.write(bytes);
      if (left <= 0) return;
      server.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      counted.cuts += 1;
      // What was written is on its way.
      setTimeout(end, 50);
    });
    server.pipe(client);
    for (const side of [client, server]) side.on("error", end).on("close", end);
  });
}

// By the client that most use.
async function arrives() {
  const counted = { cuts: 0 };
  const line = cutLine(counted).listen(0, "127.0.0.1");
  await new Promise((resolve) => line.once("listening", resolve));
  let job = null;
  await new Promise((resolve, reject) => {
    new tus.Upload(video, {
      endpoint: `http://127.0.0.1:${line.address().port}/uploads`,
      headers: { Authorization: authorization },
      metadata: { filename: "client.mp4" },
      chunkSize: Math.ceil(video.length / 4),
      retryDelays: Array(20).fill(100),
      onAfterResponse: (_, response) => { job ??= response.getHeader("Job-Location") ?? null; },
      onSuccess: resolve,
      onError: reject,
    }).start();
  });
  line.close();
  assert.equal(counted.cuts, 5);
  assert.ok(job, "tus-js-client was not told the job");
  const answer = await fetch(new URL(job.slice(1), home), { headers: { Authorization: authorization } });
  const { source } = await answer.json();
  assert.deepEqual([source.name, source.bytes], ["client.mp4", video.length]);
  console.log(`tus-js-client: ${counted.cuts} cuts, and all has come`);
}

await agrees();
await arrives();
process.exit(0);
