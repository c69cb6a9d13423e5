// Choosing, dropping and watching uploads: folders are walked, what is no video is told, each upload has its line.

import { offersOption } from "./api.js";
import { $, arrange, button, el, icon, put, say, setAttribute, toast } from "./dom.js";
import { chosenOptions } from "./options.js";
import { add, cancel, pause, restore, resumable, resume, uploads, whenQueueChanges } from "./queue.js";
import { clock, percent, size, t } from "./texts.js";

const MEDIA = /[.](3gp|aac|aiff?|avi|flac|flv|m2ts|m4[abv]|mk[av]|mov|mp[34]|mpe?g|mts|og[agv]|opus|ts|vob|wav|web[am]|wm[av])$/i;
const isMedia = (file) => /^(video|audio)[/]/.test(file.type) || MEDIA.test(file.name);

const lines = new Map();
let ready = () => true;
let refuse = () => null;

// `isReady` says whether uploads may begin; `refusal` why a file can't be taken; `onFinish` hears of each upload's end.
export function watchUploads({ isReady, refusal, onFinish }) {
  ready = isReady;
  refuse = refusal;
  whenQueueChanges(draw, (upload, job) => {
    say(t("upload.done", { name: upload.name }));
    onFinish(job);
  });
  for (const id of ["files", "folder"]) {
    $(id).addEventListener("change", (event) => {
      take([...event.target.files]);
      event.target.value = "";
    });
  }
  // What waits until an option is corrected.
  $("options").addEventListener("change", begin);
  $("pick-folder").addEventListener("click", () => $("folder").click());
  $("pick-folder").hidden = !("webkitdirectory" in $("folder")) || matchMedia("(pointer: coarse)").matches;
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, dragged);
  document.addEventListener("paste", (event) => take([...event.clipboardData?.files ?? []]));
}

async function dragged(event) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.toggle("dragging", event.type === "dragover");
  if (event.type === "drop") take(await dropped(event.dataTransfer));
}

// The folder that a file was dropped with.
const folders = new WeakMap();

// Entries must be asked for before the first await: after it the list is empty.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(walk))).flat();
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    folders.set(file, entry.fullPath.split("/").slice(1, -1).join("/"));
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  // A reader gives at most a hundred at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

// Files that were dropped before somebody has logged in.
let waiting = [];

export function take(files) {
  const media = files.filter(isMedia);
  const skipped = files.length - media.length;
  if (skipped) toast(t("upload.skipped", { count: skipped }), !media.length);
  waiting.push(...media);
  begin();
}

// Uploads what waits, if it may.
export function begin() {
  const tell = (key) => put($("waiting"), waiting.length ? t(key, { count: waiting.length }) : "");
  if (!waiting.length || !ready()) return tell("upload.ready");
  const options = chosenOptions();
  if (!options) return tell("upload.held");
  const files = waiting;
  waiting = [];
  put($("waiting"), "");
  for (const file of files) {
    const why = refuse(file);
    if (why) toast(`${file.name}: ${why}`, true);
    else add(file, { ...options, ...folderOf(file, options) });
  }
}

// A job goes into the folder that its video came in, if the service has folders and no other is chosen.
function folderOf(file, options) {
  const path = folders.get(file) ?? file.webkitRelativePath.split("/").slice(0, -1).join("/");
  const folder = path.slice(0, 64).trim();
  return folder && offersOption("folder") && !options.folder ? { folder } : {};
}

export const restoreUploads = restore;

function draw() {
  for (const id of lines.keys()) if (!uploads.some((upload) => upload.id === id)) lines.delete(id);
  arrange($("uploads"), uploads.map((upload) => {
    const line = lines.get(upload.id) ?? made(upload);
    lines.set(upload.id, line);
    drawLine(line, upload);
    return line.item;
  }));
}

function made(upload) {
  const now = () => uploads.find(({ id }) => id === upload.id);
  const act = (key, symbol, way) =>
    button(t(key), symbol, () => { const it = now(); if (it) way(it); }, "plain small",
      { "aria-label": t("action.of", { action: t(key), name: upload.name }) });
  const bar = el("progress", { max: 1, value: 0, "aria-label": t("upload.of", { name: upload.name }) });
  const facts = el("span", { class: "quiet" });
  const buttons = {
    pause: act("upload.pause", "pause", pause),
    resume: act("upload.resume", "play", resume),
    cancel: act("upload.cancel", "close", cancel),
  };
  const title = el("strong", { class: "title" }, upload.name);
  const item = el("li", { class: "card sending" }, icon("up"), title, facts, bar, el("span", { class: "row" }, Object.values(buttons)));
  return { item, bar, facts, buttons };
}

function drawLine({ item, bar, facts, buttons }, upload) {
  const { state, sent, bytes, speed, error, hopeless } = upload;
  const part = bytes ? Math.min(1, sent / bytes) : 0;
  setAttribute(bar, "value", part.toFixed(3));
  setAttribute(item, "data-state", state);
  buttons.pause.hidden = state !== "sending" || !resumable();
  buttons.resume.hidden = state !== "paused" && (state !== "failed" || Boolean(hopeless));
  const left = speed > 0 ? clock((bytes - sent) / speed) : null;
  const moving = [percent(part), speed > 0 && `${size(speed)}/s`, left && part < 1 && t("time.left", { time: left })];
  const texts = {
    sending: part >= 1 ? t("upload.finishing") : moving.filter(Boolean).join(" · "),
    waiting: `${t("upload.waiting")} · ${size(bytes)}`,
    paused: `${t("upload.paused")} · ${percent(part)}`,
    failed: hopeless ? `${error} ${t(`upload.hopeless.${hopeless}`)}` : error,
    lost: t("upload.lost"),
  };
  put(facts, texts[state] ?? "");
  facts.className = state === "failed" ? "error" : "quiet";
}
