// The page: drop a video, get an MP3. It uses nothing but the public API; see openapi.json.
//
// What is needed at once is loaded at once; the rest (jobs, player, share, account, admin, tus) when it is first asked for.

import { loadOffers, offers, said } from "./api.js";
import { $, el, put, toast } from "./dom.js";
import { isRenewing, startEntry } from "./entry.js";
import { makeOptions } from "./options.js";
import { stopAll } from "./queue.js";
import { begin, restoreUploads, take, watchUploads } from "./sending.js";
import { api, logout, session, setSession, whenLost } from "./session.js";
import { takeShared } from "./shelf.js";
import { fill, language, languages, loadTexts, size, switchLanguage, t } from "./texts.js";
import { startTheme } from "./theme.js";

const VIEWS = { account: "account.js", admin: "admin.js" };
let me = null;
let most = null;
// Loaded with the first session.
let jobs = null;

async function start() {
  startTheme();
  await Promise.all([loadTexts(), loadOffers()]);
  fill(document);
  makeOptions();
  $("language").append(...languages().map(([tag, name]) => el("option", { value: tag, selected: tag === language }, name)));
  $("language").addEventListener("change", (event) => switchLanguage(event.target.value));
  $("logout").addEventListener("click", async () => {
    try {
      await logout();
      leave();
    } catch (error) {
      toast(said(error), true);
    }
  });
  $("search").addEventListener("input", () => jobs?.draw());
  $("zip").addEventListener("click", () => jobs?.downloadPicked());
  $("older").addEventListener("click", () => jobs?.showOlder());
  whenLost(leave);
  watchUploads({ isReady: () => Boolean(session), refusal, onFinish: () => jobs?.watch() });
  await startEntry({ onEnter: enter, show, leave, onVerified: learn });
  addEventListener("hashchange", show);
  document.body.classList.add("ready");
  show();
  if (session) enter();
  take(await takeShared());
  // Only over https or on this machine, and not in every browser.
  navigator.serviceWorker?.register(new URL("../sw.js", import.meta.url)).catch(() => {});
}

async function enter() {
  show();
  begin();
  restoreUploads();
  jobs = await import("./jobs.js");
  if (session) jobs.startJobs();
  (await import("./link.js")).offerLinks();
  learn();
}

// Who it is, and what is allowed to them.
async function learn() {
  me = session ? await api("me").catch(() => null) : null;
  most = me && offers("GET /me/limits") ? (await api("me/limits").catch(() => null))?.class : null;
  show();
}

function leave() {
  setSession(null);
  me = null;
  stopAll();
  jobs?.stopJobs();
  if (location.hash) history.replaceState(null, "", location.pathname);
  show();
}

// What the account's limits say of a file, before it is sent.
function refusal(file) {
  const bytes = most?.bytes_per_file;
  return bytes && file.size > bytes ? t("limit.file", { size: size(bytes) }) : null;
}

// Which part is to be seen: by the address, and by who has logged in.
async function show() {
  const wanted = location.hash.slice(2);
  const view = session && VIEWS[wanted] && (wanted !== "admin" || me?.role === "admin") ? wanted : "home";
  $("renewal").hidden = !isRenewing();
  $("home").hidden = view !== "home" || isRenewing();
  $("account").hidden = view !== "account";
  $("admin").hidden = view !== "admin";
  $("entry").hidden = Boolean(session);
  document.body.classList.toggle("working", Boolean(session));
  $("work").hidden = !session;
  $("menu").hidden = !session;
  $("to-admin").hidden = me?.role !== "admin" || !offers("GET /admin/users");
  $("verify-hint").hidden = !me || Boolean(me.verified_at);
  put($("email"), session?.email.replace(/.*@guest[.]invalid$/, t("entry.guest.name")) ?? "");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash.slice(2) === (view === "home" ? "" : view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "home") return;
  try {
    const module = await import(`./${VIEWS[view]}`);
    await (module.showAccount ?? module.showAdmin)(leave);
  } catch (error) {
    toast(said(error), true);
  }
}

start();
