// The list of jobs, by id; ids sort by time, so newest first is the descending order of ids. Live by server-sent events
// where the service has them; else, and beside them, by asking again.

import { at, offers, said } from "./api.js";
import { drawCard, makeCard, nameOf } from "./card.js";
import { $, arrange, el, put, say } from "./dom.js";
import { api, session } from "./session.js";
import { t } from "./texts.js";

const PAGE = 20;
const BUSY = ["uploading", "queued", "converting"];

const jobs = new Map();
const cards = new Map();
// Where the next older page begins: null if there is none, undefined before the first.
let older;
let timer = 0;
let looking = false;
let stream = null;
let live = false;

export async function startJobs() {
  if (stream) return;
  stream = new AbortController();
  const { signal } = stream;
  // The stream tells what has changed lately, so that nothing is missed between the list and it.
  await watch();
  if (!offers("GET /jobs/events") || signal.aborted) return;
  const { listen } = await import("./events.js");
  listen("jobs/events", signal, hear, (is) => { live = is; if (is) watch(); });
}

export function stopJobs() {
  stream?.abort();
  stream = null;
  older = undefined;
  jobs.clear();
  cards.clear();
  clearTimeout(timer);
  $("jobs").replaceChildren();
}

// An event carries the job, or what has changed of it: `state`, `progress`, `deleted`.
function hear(type, data) {
  if (type === "deleted") return forgetJob(data.id);
  if (!jobs.has(data.id) && older && data.id <= older) return;
  if (type === "progress" && !jobs.has(data.id)) return watch();
  keep({ ...jobs.get(data.id), ...data });
  draw();
}

function keep(job) {
  const before = jobs.get(job.id);
  // What we know already is not made older by a slow answer.
  if (before?.updated_at > job.updated_at) return;
  if (before && before.state !== job.state) say(`${nameOf(job)}: ${t(`state.${job.state}`)}`);
  if (before?.state !== job.state || before?.stage !== job.stage) job.since = { time: Date.now(), progress: job.progress };
  else job.since = before.since;
  jobs.set(job.id, job);
}

export async function watch() {
  clearTimeout(timer);
  if (!session || looking) return;
  looking = true;
  try {
    const before = new Set(jobs.keys());
    take(await api(`jobs?limit=${PAGE}`), before);
    await Promise.all(beyond().map(lookAt));
    put($("offline"), "");
  } catch (error) {
    if (session) put($("offline"), said(error));
  }
  looking = false;
  const busy = [...jobs.values()].some(({ state }) => BUSY.includes(state));
  const pause = document.hidden || live ? 30_000 : busy ? 1_500 : 10_000;
  if (session) timer = setTimeout(watch, pause);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });

// Jobs that go on but don't stand on the first page any more; a few at a time.
function beyond() {
  const first = [...jobs.keys()].sort().reverse().slice(0, PAGE);
  const rest = [...jobs.values()].filter(({ id, state }) => BUSY.includes(state) && !first.includes(id));
  return rest.map(({ id }) => id).sort().slice(0, 5);
}

async function lookAt(id) {
  try {
    keep(await api(`jobs/${id}`));
  } catch (error) {
    if (error.status !== 404) throw error;
    jobs.delete(id);
  }
  draw();
}

// What was there `before` and is not listed any more is gone; what came meanwhile is not.
function take(page, before) {
  if (!session) return;
  if (older === undefined) older = page.next_cursor ?? null;
  const oldest = page.next_cursor ? page.jobs.at(-1).id : "";
  const listed = new Set(page.jobs.map(({ id }) => id));
  for (const id of before) if (id >= oldest && !listed.has(id)) jobs.delete(id);
  page.jobs.forEach(keep);
  draw();
}

export async function showOlder() {
  try {
    const page = await api(`jobs?limit=${PAGE}&cursor=${older}`);
    page.jobs.forEach(keep);
    older = page.next_cursor ?? null;
    draw();
  } catch (error) {
    put($("offline"), said(error));
  }
}

// All jobs with this tag, whether they were listed before or not.
export async function showTag(tag) {
  $("search").value = `#${tag}`;
  draw();
  try {
    (await api(`jobs?limit=100&tag=${encodeURIComponent(tag)}`)).jobs.forEach(keep);
    draw();
  } catch (error) {
    put($("offline"), said(error));
  }
}

// Those that are marked and can be seen, in the order of the list.
function pickedJobs() {
  const marked = [...jobs.keys()].filter((id) => cards.get(id)?.pick.checked && !cards.get(id).pick.hidden);
  return marked.filter((id) => cards.get(id).item.isConnected).sort().reverse();
}

// The browser itself downloads; the cookie says whose they are.
export function downloadPicked() {
  el("a", { href: at(`jobs/archive?ids=${pickedJobs().join(",")}`), download: "" }).click();
}

export function forgetJob(id) {
  jobs.delete(id);
  draw();
}

// Cards are kept and changed in place, so that the focus stays where it is.
export function draw() {
  const wanted = $("search").value.trim().toLowerCase();
  const hasTag = (job) => job.tags?.some((tag) => `#${tag}`.toLowerCase() === wanted);
  const words = (job) => `${nameOf(job)} ${job.source.name} ${job.options.folder ?? ""} ${job.tags?.join(" ") ?? ""}`;
  const found = (job) => hasTag(job) || words(job).toLowerCase().includes(wanted);
  for (const id of cards.keys()) if (!jobs.has(id)) cards.delete(id);
  // What is being uploaded has its line above.
  const listed = [...jobs.values()].filter(({ state }) => state !== "uploading");
  const shown = listed.filter(found).sort((a, b) => (a.id < b.id ? 1 : -1));
  arrange($("jobs"), shown.map((job) => {
    const card = cards.get(job.id) ?? makeCard(() => jobs.get(job.id));
    cards.set(job.id, card);
    drawCard(card, job);
    return card.item;
  }));
  const state = listed.length === 0 ? "empty" : shown.length ? "" : "none";
  $("empty").hidden = state !== "empty";
  $("none").hidden = state !== "none";
  $("find").hidden = listed.length < 4 && !older && !wanted;
  const picked = pickedJobs();
  $("zip").hidden = !picked.length;
  put($("zip"), t("jobs.zip", { count: picked.length }));
  $("shelf").hidden = listed.length === 0;
  $("older").hidden = !older;
}
