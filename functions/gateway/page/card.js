// A job as a card: what it is, how far it is, what is wrong with it and what can be done.

import { at, json, offers, said } from "./api.js";
import { button, dialog, el, icon, put, setAttribute, toast } from "./dom.js";
import { draw, forgetJob, showTag, watch } from "./jobs.js";
import { api } from "./session.js";
import { clock, day, known, moment, number, percent, size, t } from "./texts.js";

// What can be done in which state. A button whose route the service has not is never made.
const ACTIONS = [
  { name: "play", states: ["done"], symbol: "play", kind: "", route: "POST /jobs/{id}/link" },
  { name: "download", states: ["done"], symbol: "down", kind: "second", route: "POST /jobs/{id}/link" },
  { name: "share", states: ["done"], symbol: "share", kind: "second", route: "POST /jobs/{id}/link" },
  { name: "cancel", states: ["queued", "converting"], symbol: "close", kind: "second", route: "POST /jobs/{id}/cancel" },
  { name: "retry", states: ["failed", "canceled"], symbol: "again", kind: "second", route: "POST /jobs/{id}/retry" },
  { name: "rename", states: ["queued", "converting", "done", "failed", "canceled", "expired"], symbol: "pen", kind: "plain small", route: "PATCH /jobs/{id}" },
  { name: "told", states: ["done", "failed"], symbol: "bell", kind: "plain small", route: "GET /jobs/{id}/deliveries" },
  { name: "remove", states: ["done", "failed", "canceled", "expired"], symbol: "bin", kind: "plain small", route: "DELETE /jobs/{id}" },
];
// Trying again would end the same way.
const HOPELESS = ["no_audio", "unreadable", "unsupported_codec", "encrypted", "start_too_late", "too_long", "too_large"];

export const nameOf = (job) => job.name || job.options.title || job.source.name || t("job.untitled");

export function makeCard(now) {
  const parts = {
    symbol: el("span", { class: "badge", "aria-hidden": "true" }, icon("tape")),
    title: el("h3", { class: "title" }),
    state: el("span", { class: "state" }),
    facts: el("p", { class: "facts quiet" }),
    tags: el("p", { class: "row tags", hidden: true }),
    pick: el("input", { type: "checkbox", class: "pick", hidden: true, onchange: draw }),
    bar: el("progress", { max: 1, value: 0, hidden: true }),
    note: el("p", { class: "note", hidden: true }),
    more: el("div", { class: "player", hidden: true }),
  };
  const buttons = Object.fromEntries(ACTIONS.filter(({ route }) => offers(route)).map(({ name, symbol, kind }) => {
    const node = button(t(`job.${name}`), symbol, () => act(node, now(), name, { ...parts, item, head }), kind);
    return [name, node];
  }));
  const head = el("div", { class: "head" }, parts.symbol, el("div", { class: "what" }, parts.title, parts.state), parts.pick);
  const item = el("li", { class: "card job" },
    head, parts.facts, parts.tags, parts.bar, parts.note, parts.more, el("p", { class: "row actions" }, Object.values(buttons)));
  return { item, buttons, ...parts };
}

export function drawCard(card, job) {
  const { state } = job;
  card.item.dataset.state = state;
  setAttribute(card.symbol.querySelector("use"), "href", `#i-${symbolOf(job)}`);
  put(card.title, nameOf(job));
  put(card.state, stateText(job));
  put(card.facts, facts(job));
  drawTags(card.tags, job.tags ?? []);
  card.pick.hidden = state !== "done" || !offers("GET /jobs/archive");
  setAttribute(card.pick, "aria-label", t("job.pick", { name: nameOf(job) }));
  card.bar.hidden = state !== "converting" && state !== "queued";
  if (state === "queued") card.bar.removeAttribute("value");
  else setAttribute(card.bar, "value", job.progress.toFixed(3));
  setAttribute(card.bar, "aria-label", t("job.progress", { name: nameOf(job) }));
  const notes = job.error ? [errorText(job.error)] : warnings(job);
  put(card.note, notes.join(" "));
  card.note.hidden = !notes.length;
  if (state !== "done") card.more.replaceChildren();
  card.more.hidden = !card.more.childElementCount;
  for (const { name, states } of ACTIONS) {
    const node = card.buttons[name];
    if (!node) continue;
    node.hidden = !states.includes(state) || (name === "retry" && HOPELESS.includes(job.error?.code));
    if (name === "play") node.hidden ||= isZip(job);
    setAttribute(node, "aria-label", t("action.of", { action: t(`job.${name}`), name: nameOf(job) }));
  }
  if (card.buttons.play) drawPlay(card, job);
}

function drawTags(node, tags) {
  const drawn = JSON.stringify(tags);
  if (node.dataset.tags === drawn) return;
  node.dataset.tags = drawn;
  node.hidden = !tags.length;
  node.replaceChildren(...tags.map((tag) => button(tag, null, () => showTag(tag), "tag", { "aria-label": t("job.tag", { tag }) })));
}

// Once the player is there, the button takes it away again.
function drawPlay({ buttons: { play }, more }, job) {
  const open = !more.hidden;
  const label = t(open ? "close" : "job.play");
  setAttribute(play, "aria-expanded", String(open));
  setAttribute(play, "aria-label", t("action.of", { action: label, name: nameOf(job) }));
  setAttribute(play, "class", open ? "second" : null);
  setAttribute(play.querySelector("use"), "href", open ? "#i-close" : "#i-play");
  put(play.querySelector("span"), label);
}

const isZip = (job) => job.options.chapters === "split";

const symbolOf = ({ state }) =>
  ({ done: "note", failed: "warn", canceled: "close", expired: "clock", queued: "clock", uploading: "up" })[state] ?? "tape";

function stateText(job) {
  if (job.state !== "converting") return t(`state.${job.state}`);
  const left = timeLeft(job);
  const stage = job.stage ? t(`stage.${job.stage}`) : t("state.converting");
  return [stage, percent(job.progress), left && t("time.left", { time: left })].filter(Boolean).join(" · ");
}

// From how fast it went since it began; nothing until that says something.
function timeLeft({ progress, since }) {
  const [done, seconds] = [progress - since.progress, (Date.now() - since.time) / 1000];
  return done > 0.02 && seconds > 1 ? clock(((1 - progress) * seconds) / done) : null;
}

// In the page's language where it has the code, else in the service's words.
const errorText = ({ code, detail }) => known(`failure.${code}`) ?? detail;

function warnings(job) {
  if (job.warnings?.length) return job.warnings.map(({ code, detail }) => known(`warning.${code}`) ?? detail);
  return job.warning ? [job.warning] : [];
}

function facts(job) {
  const { audio, source, state } = job;
  const parts = audio
    ? [clock(audio.duration), size(audio.bytes), `${audio.codec.toUpperCase()} ${number(audio.bitrate / 1000)} kbit/s`]
    : [source.duration && clock(source.duration), source.bytes && size(source.bytes)];
  if (job.options.folder) parts.unshift(job.options.folder);
  parts.push(moment(job.created_at));
  if (state === "done" && job.expires_at) parts.push(t("job.until", { day: day(job.expires_at) }));
  return parts.filter(Boolean).join(" · ");
}

// A signed address of the audio, on the host and below the path where the page is.
export async function audioLink(job, expires_in) {
  const link = await api(`jobs/${job.id}/link`, json("POST", { expires_in }));
  return { ...link, here: at(`download${new URL(link.url).search}`) };
}

const WAYS = {
  // The browser itself downloads, to the disk and with ranges.
  async download(job) {
    const { here } = await audioLink(job, 300);
    el("a", { href: here, download: "" }).click();
  },
  async play(job, { more }) {
    if (more.childElementCount) {
      more.replaceChildren();
      return;
    }
    const { makePlayer } = await import("./player.js");
    const { nodes, start } = await makePlayer(job);
    more.append(...nodes);
    more.hidden = false;
    more.querySelector("button").focus();
    start();
  },
  share: async (job) => (await import("./share.js")).share(job),
  rename: async (job, parts) => (await import("./labels.js")).edit(job, parts),
  told: async (job) => (await import("./deliveries.js")).showDeliveries(job),
  cancel: (job) => api(`jobs/${job.id}/cancel`, { method: "POST" }),
  retry: (job) => api(`jobs/${job.id}/retry`, { method: "POST" }),
  async remove(job) {
    const sure = await dialog(t("remove.title", { name: nameOf(job) }), t("close"), (close) => [
      el("p", {}, t("remove.hint")),
      el("p", { class: "row" }, button(t("job.remove"), "bin", () => close("yes"), "bad"), button(t("keep"), null, () => close())),
    ]);
    if (sure !== "yes") return;
    await api(`jobs/${job.id}`, { method: "DELETE" });
    forgetJob(job.id);
  },
};

async function act(node, job, name, parts) {
  // Not disabled: the focus would be lost.
  if (node.ariaBusy === "true") return;
  node.ariaBusy = "true";
  try {
    await WAYS[name](job, parts);
  } catch (error) {
    toast(`${nameOf(job)}: ${said(error)}`, true);
  }
  node.ariaBusy = "false";
  draw();
  watch();
}
