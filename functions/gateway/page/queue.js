// The uploads: two at a time, each with its progress. With tus they can be paused and outlive a reload.

import { Refused, answer, at, offers, said } from "./api.js";
import { loseSession, session } from "./session.js";
import { shelve, shelved, unshelve } from "./shelf.js";
import { t } from "./texts.js";

const AT_ONCE = 2;
// Answers that come again, however often it is sent: what would have to change, as a key of texts.
const HOPELESS = { 400: "options", 413: "file", 415: "file", 422: "options" };
// A file up to this size is kept by the browser until it is uploaded; a larger one must be chosen again after a reload.
const KEPT_BYTES = 256 * 1024 * 1024;

// Each: {id, name, bytes, options, file, state, sent, speed, error, hopeless, url}; states: waiting, sending, paused, failed,
// lost (the file must be chosen again). `hopeless` says what must change, if trying again is no use.
export const uploads = [];
// The files of the jobs that were uploaded since the page was loaded, by the job's id: to convert one again.
export const sources = new Map();
let changed = () => {};
let finished = () => {};

export function whenQueueChanges(onChange, onFinish) {
  changed = onChange;
  finished = onFinish;
}

export const resumable = () => offers("POST /uploads");
const same = (upload, file) =>
  upload.name === file.name && upload.bytes === file.size && upload.modified === file.lastModified;

// Ids for ourselves; crypto.randomUUID is there on https only.
export const freshId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function add(file, options) {
  const lost = uploads.find((upload) => upload.state === "lost" && same(upload, file));
  if (lost) {
    lost.file = file;
    lost.state = "waiting";
  } else {
    const upload = {
      id: freshId(), name: file.name, bytes: file.size, modified: file.lastModified, options, file,
      state: "waiting", sent: 0, speed: 0, error: "", url: null,
    };
    uploads.push(upload);
    keep(upload);
  }
  next();
}

// Onto the shelf, so that a reload finds it.
function keep({ id, name, bytes, modified, options, file, url, sent, state }) {
  if (!resumable()) return;
  const kept = bytes <= KEPT_BYTES ? file : null;
  const paused = state === "paused";
  shelve({ id, owner: session?.email, name, bytes, modified, options, file: kept, url, sent, paused });
}

// After a reload, and after logging in.
export async function restore() {
  if (!resumable() || !session) return;
  for (const kept of await shelved()) {
    if (kept.owner !== session?.email || uploads.some(({ id }) => id === kept.id)) continue;
    const state = !kept.file ? "lost" : kept.paused ? "paused" : "waiting";
    uploads.push({ ...kept, state, speed: 0, error: "" });
  }
  next();
}

function next() {
  changed();
  const free = AT_ONCE - uploads.filter(({ state }) => state === "sending").length;
  uploads.filter(({ state }) => state === "waiting").slice(0, Math.max(0, free)).forEach(run);
}

async function run(upload) {
  Object.assign(upload, { state: "sending", error: "", speed: 0, since: performance.now(), from: upload.sent });
  changed();
  try {
    const send = resumable() ? (await import("./tus.js")).sendResumable : sendForm;
    const job = await send(upload, (sent) => moved(upload, sent), () => keep(upload));
    forget(upload);
    if (job) sources.set(job, upload.file);
    finished(upload, job);
  } catch (error) {
    if (error.status === 401) loseSession();
    if (upload.state === "sending") {
      upload.state = "failed";
      upload.error = said(error);
      upload.hopeless = HOPELESS[error.status];
      if (upload.hopeless) {
        unshelve(upload.id);
        // The service has removed what it had of it.
        Object.assign(upload, { stop: null, url: null });
      }
    }
  }
  next();
}

function moved(upload, sent) {
  const now = performance.now();
  const seconds = (now - upload.since) / 1000;
  if (seconds > 0.4) {
    const speed = (sent - upload.from) / seconds;
    upload.speed = upload.speed ? 0.7 * upload.speed + 0.3 * speed : speed;
    Object.assign(upload, { since: now, from: sent });
  }
  upload.sent = sent;
  changed();
}

function forget(upload) {
  const place = uploads.indexOf(upload);
  if (place >= 0) uploads.splice(place, 1);
  unshelve(upload.id);
}

export function pause(upload) {
  upload.state = "paused";
  upload.stop?.();
  keep(upload);
  next();
}

export function resume(upload) {
  upload.state = "waiting";
  keep(upload);
  next();
}

export function cancel(upload) {
  upload.state = "canceled";
  if (upload.stop) upload.stop(true);
  else if (upload.url) import("./tus.js").then(({ discard }) => discard(upload.url));
  forget(upload);
  next();
}

// When the session ends, nothing goes on; what is shelved waits for its owner.
export function stopAll() {
  for (const upload of uploads.splice(0)) {
    upload.state = "canceled";
    upload.stop?.();
  }
  changed();
}

// When the network is back, what had failed for want of it goes on.
addEventListener("online", () => {
  uploads.filter(({ state, file, hopeless }) => state === "failed" && file && !hopeless).forEach(resume);
});

addEventListener("beforeunload", (event) => {
  const risky = resumable() ? ({ bytes }) => bytes > KEPT_BYTES : () => true;
  if (uploads.some((upload) => upload.state === "sending" && risky(upload))) event.preventDefault();
});

// fetch can't tell how much is sent; XMLHttpRequest can. Resolves to the job's id.
async function sendForm(upload, progress) {
  const form = new FormData();
  Object.entries(upload.options).forEach(([name, value]) => form.append(name, value));
  form.append("file", upload.file);
  const request = new XMLHttpRequest();
  upload.stop = () => request.abort();
  request.upload.addEventListener("progress", (event) => {
    progress(event.total ? (event.loaded / event.total) * upload.bytes : 0);
  });
  const job = await new Promise((resolve, reject) => {
    request.addEventListener("load", () =>
      resolve(answer(new Response(request.responseText, { status: request.status }))));
    request.addEventListener("error", () => reject(new Error("network")));
    request.addEventListener("abort", () => reject(new Refused(0, { detail: t("upload.stopped") })));
    request.open("POST", at("upload"));
    request.send(form);
  });
  return job.id;
}
