// The page: log in, upload, watch, download. Uses the public API only; see /openapi.json.

import { Refused, answer, api, json, login, session, setSession, token, whenLost } from "/session.js";

const $ = (id) => document.getElementById(id);
const PAGE = 20;
const WORDS = {
  uploading: "Uploading", queued: "Waiting", converting: "Converting", done: "Ready",
  failed: "Failed", canceled: "Canceled", expired: "Expired",
};
const ACTIONS = {
  download: ["done"], share: ["done"], cancel: ["queued", "converting"], retry: ["failed", "canceled"],
  remove: ["done", "failed", "canceled", "expired"],
};

// ---- Logging in and out

whenLost(leave);

$("credentials").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const email = form.email.value.trim(), password = form.password.value;
  const buttons = form.querySelectorAll("button");
  $("entry-error").textContent = "";
  buttons.forEach((button) => { button.disabled = true; });
  try {
    if (event.submitter?.value === "register") {
      await answer(await fetch("/register", json("POST", { email, password })));
      notice("Welcome. We have sent you a mail: open its link to confirm your address.");
    }
    await login(email, password);
    form.reset();
    enter();
  } catch (error) {
    $("entry-error").textContent = said(error);
  }
  buttons.forEach((button) => { button.disabled = false; });
});

$("logout").addEventListener("click", async () => {
  const { refresh_token } = session;
  // Best effort: the tab forgets the tokens in any case.
  await api("/logout", json("POST", { refresh_token })).catch(() => {});
  leave();
});

function enter() {
  show();
  watch();
}

function leave() {
  setSession(null);
  sending.forEach((request) => request.abort());
  jobs.clear();
  $("jobs").replaceChildren();
  clearTimeout(timer);
  show();
}

function show() {
  $("renewal").hidden = !replacing;
  $("entry").hidden = Boolean(session) || Boolean(replacing);
  $("work").hidden = $("account").hidden = !session;
  $("email").textContent = session?.email ?? "";
}

// ---- Mails: their links are this page with #verify=TOKEN or #reset=TOKEN, which leaves the address bar at once.

let replacing = null;

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

async function openMail() {
  const [purpose, token] = location.hash.slice(1).split("=");
  if (!token || !["verify", "reset"].includes(purpose)) return;
  history.replaceState(null, "", location.pathname);
  if (purpose === "reset") {
    leave();
    replacing = token;
    show();
    $("renew").password.focus();
    return;
  }
  try {
    await answer(await fetch("/verify", json("POST", { token })));
    notice("Your address is confirmed.");
  } catch (error) {
    notice(said(error));
  }
}

window.addEventListener("hashchange", openMail);

$("forgot").addEventListener("click", async () => {
  const email = $("credentials").email;
  if (!email.reportValidity()) return;
  try {
    await answer(await fetch("/password/reset", json("POST", { email: email.value.trim() })));
    notice("If there is an account with this address, a mail is on its way.");
  } catch (error) {
    $("entry-error").textContent = said(error);
  }
});

$("renew").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  $("renew-error").textContent = "";
  try {
    const body = { token: replacing, password: form.password.value };
    await answer(await fetch("/password/reset/confirm", json("POST", body)));
    form.reset();
    replacing = null;
    notice("The password is changed. Log in with it.");
    show();
  } catch (error) {
    $("renew-error").textContent = said(error);
    // A link that is used up can't be tried again: back to where a new one is asked for.
    if (error.status === 410) { replacing = null; show(); notice(said(error)); }
  }
});

function said(error) {
  return error instanceof Refused ? error.message : "The service can't be reached. Try again.";
}

// ---- Upload

const sending = new Set();

$("files").addEventListener("change", (event) => {
  uploadAll([...event.target.files]);
  event.target.value = "";
});
$("upload").addEventListener("submit", (event) => event.preventDefault());

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dragging", kind === "dragover" && Boolean(session));
    if (kind === "drop" && session) uploadAll([...event.dataTransfer.files]);
  });
}

async function uploadAll(files) {
  $("upload-error").textContent = "";
  if (!$("upload").reportValidity()) return;
  const options = chosen($("upload"));
  for (const file of files) {
    try {
      await upload(file, options);
      watch();
    } catch (error) {
      $("upload-error").textContent = `${file.name}: ${said(error)}`;
    }
  }
}

function chosen(form) {
  const options = [];
  if (form.rate.value) options.push(form.rate.value.split("="));
  for (const name of ["channels", "start", "end", "title"]) {
    const value = form.elements[name].value.trim();
    if (value) options.push([name, value]);
  }
  if (!form.mail.checked) options.push(["notify", "none"]);
  return options;
}

// fetch can't tell how much is sent; XMLHttpRequest can.
async function upload(file, options) {
  const form = new FormData();
  options.forEach(([name, value]) => form.append(name, value));
  form.append("file", file);
  const bearer = await token();
  const item = $("sending").content.cloneNode(true).firstElementChild;
  const bar = item.querySelector("progress");
  item.querySelector(".title").textContent = file.name;
  bar.setAttribute("aria-label", `Uploading ${file.name}`);
  const request = new XMLHttpRequest();
  item.querySelector("button").addEventListener("click", () => request.abort());
  request.upload.addEventListener("progress", (event) => { bar.value = event.total ? event.loaded / event.total : 0; });
  $("uploads").append(item);
  sending.add(request);
  try {
    await new Promise((resolve, reject) => {
      request.addEventListener("load", () => resolve(answer(new Response(request.responseText, { status: request.status }))));
      request.addEventListener("error", () => reject(new Error("network")));
      request.addEventListener("abort", () => reject(new Refused(0, "Stopped.")));
      request.open("POST", "/upload");
      request.setRequestHeader("Authorization", `Bearer ${bearer}`);
      request.send(form);
    });
    news(`${file.name} is uploaded.`);
  } finally {
    sending.delete(request);
    item.remove();
  }
}

window.addEventListener("beforeunload", (event) => { if (sending.size) event.preventDefault(); });

// ---- Jobs: by id; ids sort by time, so newest first is the descending order of ids.

const jobs = new Map();
let older = null;
let timer = 0;
let looking = false;

async function watch() {
  clearTimeout(timer);
  if (!session || looking) return;
  looking = true;
  try {
    take(await api(`/jobs?limit=${PAGE}`));
    $("offline").textContent = "";
  } catch (error) {
    if (session) $("offline").textContent = said(error);
  }
  looking = false;
  const busy = [...jobs.values()].some((job) => ["uploading", "queued", "converting"].includes(job.state));
  if (session) timer = setTimeout(watch, document.hidden ? 30_000 : busy ? 2_000 : 10_000);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });

function take(page) {
  if (!session) return;
  const oldest = page.next_cursor ? page.jobs.at(-1).id : "";
  const listed = new Set(page.jobs.map((job) => job.id));
  for (const id of jobs.keys()) if (id >= oldest && !listed.has(id)) jobs.delete(id);
  if (![...jobs.keys()].some((id) => id < oldest)) older = page.next_cursor;
  for (const job of page.jobs) {
    const before = jobs.get(job.id)?.state;
    if (before && before !== job.state) news(`${name(job)}: ${WORDS[job.state]}`);
    jobs.set(job.id, job);
  }
  draw();
}

$("more").addEventListener("click", async () => {
  try {
    const page = await api(`/jobs?limit=${PAGE}&cursor=${older}`);
    page.jobs.forEach((job) => jobs.set(job.id, job));
    older = page.next_cursor;
    draw();
  } catch (error) {
    $("offline").textContent = said(error);
  }
});

// Items are kept and changed in place, so that the focus stays where it is.
function draw() {
  const list = $("jobs");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  for (const [id, item] of known) if (!jobs.has(id)) item.remove();
  const ids = [...jobs.keys()].sort().reverse();
  ids.forEach((id, place) => {
    const item = known.get(id) ?? made(id);
    drawJob(item, jobs.get(id));
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
  $("empty").hidden = ids.length > 0;
  $("more").hidden = !older;
}

function made(id) {
  const item = $("job").content.cloneNode(true).firstElementChild;
  item.dataset.id = id;
  item.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) act(button, jobs.get(id));
  });
  return item;
}

function drawJob(item, job) {
  const part = (name) => item.querySelector(name);
  item.className = `card job ${job.state}`;
  put(part(".title"), name(job));
  put(part(".state"), WORDS[job.state] ?? job.state);
  put(part(".facts"), facts(job));
  const bar = part("progress");
  bar.hidden = job.state !== "converting";
  bar.value = job.progress;
  bar.setAttribute("aria-label", `Converting ${name(job)}`);
  const note = job.error?.detail ?? job.warning ?? "";
  put(part(".note"), note);
  part(".note").hidden = !note;
  for (const button of item.querySelectorAll("button")) {
    button.hidden = !ACTIONS[button.dataset.do].includes(job.state);
    button.setAttribute("aria-label", `${button.textContent} ${name(job)}`);
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function name(job) {
  return job.options.title || job.source.name || "Untitled";
}

function facts(job) {
  const audio = job.audio;
  const parts = audio
    ? [clock(audio.duration), size(audio.bytes), `${audio.codec.toUpperCase()} ${Math.round(audio.bitrate / 1000)} kbit/s`]
    : [size(job.source.bytes)];
  parts.push(new Date(job.created_at).toLocaleString());
  if (job.state === "done" && job.expires_at) parts.push(`kept until ${new Date(job.expires_at).toLocaleDateString()}`);
  return parts.join(" · ");
}

function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = Math.min(3, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${power ? (bytes / 1000 ** power).toFixed(1) : bytes} ${units[power]}`;
}

// ---- What can be done with a job

const WAYS = {
  // The browser itself downloads, to the disk and with ranges; the link's host may be another name of ours.
  async download(job) {
    const url = new URL(await link(job, 300));
    const anchor = document.createElement("a");
    anchor.href = url.pathname + url.search;
    anchor.download = "";
    anchor.click();
  },
  async share(job) {
    const url = await link(job, 7 * 86_400);
    try {
      await navigator.clipboard.writeText(url);
      news("The link is copied. It works for 7 days at most.");
    } catch {
      prompt("The link. It works for 7 days at most.", url);
    }
  },
  cancel: (job) => api(`/jobs/${job.id}/cancel`, { method: "POST" }),
  retry: (job) => api(`/jobs/${job.id}/retry`, { method: "POST" }),
  async remove(job) {
    if (!confirm(`Delete ${name(job)}? The audio goes too.`)) return;
    await api(`/jobs/${job.id}`, { method: "DELETE" });
    jobs.delete(job.id);
    draw();
  },
};

async function link(job, expires_in) {
  return (await api(`/jobs/${job.id}/link`, json("POST", { expires_in }))).url;
}

async function act(button, job) {
  button.disabled = true;
  try {
    await WAYS[button.dataset.do](job);
    $("offline").textContent = "";
  } catch (error) {
    $("offline").textContent = `${name(job)}: ${said(error)}`;
  }
  button.disabled = false;
  watch();
}

function news(text) {
  $("news").textContent = text;
}

show();
openMail();
if (session) watch();
