// For administrators: how it goes, accounts, dead letters, failed jobs.

import { json, offers } from "./api.js";
import { deliveryList } from "./deliveries.js";
import { $, button, el, toast } from "./dom.js";
import { once, paged, row, section } from "./parts.js";
import { api } from "./session.js";
import { clock, day, size, t } from "./texts.js";

const query = (cursor) => (cursor ? `&cursor=${cursor}` : "");

export async function showAdmin() {
  const parts = [];
  if (offers("GET /admin/overview")) parts.push(await overview());
  if (offers("GET /admin/users")) parts.push(await users());
  if (offers("GET /admin/deliveries")) parts.push(await deadLetters());
  if (offers("POST /admin/jobs/retry")) parts.push(failures());
  $("admin").replaceChildren(el("h2", { class: "page-title" }, t("admin.title")), ...parts);
}

async function overview() {
  const { waiting, next_waits, dead_deliveries, day } = await api("admin/overview");
  const facts = [
    [t("overview.waiting"), waiting ? t("overview.since", { count: waiting, time: clock(next_waits) }) : 0],
    [t("overview.dead"), dead_deliveries],
    ...Object.entries(day.jobs).map(([state, count]) => [t(`state.${state}`), count]),
    [t("overview.bytes"), `${size(day.video_bytes)} / ${size(day.audio_bytes)}`],
  ];
  return section("overview.title", el("p", { class: "quiet" }, t("overview.hint")),
    el("dl", {}, facts.flatMap(([name, value]) => row(name, value))));
}

async function users() {
  const classes = offers("GET /admin/classes") ? (await api("admin/classes")).classes : [];
  const names = classes.map(({ name }) => name);
  const load = async (cursor) => {
    const page = await api(`admin/users?limit=50${query(cursor)}`);
    return { items: page.users.map((account) => user(account, names)), next: page.next_cursor };
  };
  return section("admin.users", ...await paged(load));
}

// An account: who it is, and what can be changed of it.
function user(account, classes) {
  const { id, email, created_at } = account;
  const change = (what) => api(`admin/users/${id}`, json("PATCH", what));
  // What is chosen stays only if the service takes it.
  const select = (name, label, choices) => {
    const node = el("select", { "aria-label": label },
      choices.map(([value, text]) => el("option", { value, selected: account[name] === value }, text)));
    node.addEventListener("change", (event) => once(event, async () => {
      try {
        await change({ [name]: node.value });
        account[name] = node.value;
        toast(t("saved"));
      } finally {
        node.value = account[name];
      }
    }));
    return node;
  };
  const role = select("role", t("admin.role.of", { email }), ["user", "admin"].map((value) => [value, t(`role.${value}`)]));
  const known = classes.includes(account.class) ? classes : [account.class, ...classes];
  const limits = select("class", t("admin.class.of", { email }), known.map((value) => [value, value]));
  let locked = Boolean(account.disabled_at);
  const state = el("span", { class: "quiet" });
  const lock = button("", "key", (event) => once(event, async () => {
    await change({ disabled: !locked });
    locked = !locked;
    draw();
  }), "second small");
  const draw = () => {
    const key = locked ? "admin.unlock" : "admin.lock";
    lock.lastChild.textContent = t(key);
    lock.setAttribute("aria-label", t("action.of", { action: t(key), name: email }));
    state.textContent = locked ? t("admin.locked") : t("account.since", { day: day(created_at) });
  };
  draw();
  return el("li", { class: "user" }, el("span", { class: "grow" }, el("strong", {}, email), " ", state), role, limits, lock);
}

async function deadLetters() {
  const load = async (cursor) => {
    const page = await api(`admin/deliveries?outcome=dead&limit=20${query(cursor)}`);
    return { items: [...deliveryList(page.deliveries, drop).children], next: page.next_cursor };
  };
  return section("admin.dead", el("p", { class: "quiet" }, t("admin.dead.hint")), ...await paged(load));
}

function drop({ id }, gone) {
  if (!offers("POST /admin/deliveries/{id}/drop")) return [];
  const act = async () => {
    await api(`admin/deliveries/${id}/drop`, { method: "POST" });
    gone();
  };
  return button(t("admin.drop"), "bin", (event) => once(event, act), "plain small");
}

function failures() {
  const since = el("input", { type: "datetime-local", id: "failed-since", required: true });
  const form = el("form", { class: "row" }, el("div", { class: "field" }, el("label", { for: "failed-since" }, t("admin.since")), since),
    el("button", { class: "second" }, t("admin.retry")));
  form.addEventListener("submit", (event) => once(event, async () => {
    const { retried } = await api("admin/jobs/retry", json("POST", { failed_since: new Date(since.value).toISOString() }));
    toast(t("admin.retried", { count: retried }));
  }));
  return section("admin.failures", el("p", { class: "quiet" }, t("admin.failures.hint")), form);
}
