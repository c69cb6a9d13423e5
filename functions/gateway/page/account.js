// The account: the address, password, keys, log-ins, where to tell, webhooks, feeds, limits, and its end. Each part only if the service
// has it.

import { json, offers, said } from "./api.js";
import { destinations } from "./destinations.js";
import { $, button, dialog, el, icon, toast } from "./dom.js";
import { section, once, reveal, row } from "./parts.js";
import { api, session } from "./session.js";
import { copy } from "./share.js";
import { day, moment, number, size, t } from "./texts.js";

export async function showAccount(leave) {
  const me = await api("me");
  const parts = [who(me)];
  if (offers("GET /me/limits")) parts.push(limits(await api("me/limits")));
  if (offers("GET /me/sessions")) parts.push(await sessions());
  parts.push(password(leave));
  if (offers("GET /me/destinations")) parts.push(await destinations(me));
  if (offers("GET /me/feeds")) parts.push(await feeds());
  if (offers("GET /keys")) parts.push(await keys());
  if (offers("GET /me/webhook-secret")) parts.push(webhooks());
  parts.push(ending(leave));
  $("account").replaceChildren(el("h2", { class: "page-title" }, t("account.title")), ...parts.filter(Boolean));
}

const who = (me) => section("account.who",
  el("p", {}, me.email ?? session.email),
  el("p", { class: me.verified_at ? "quiet good" : "quiet" }, t(me.verified_at ? "account.verified" : "account.unverified")),
  el("p", { class: "quiet" }, t("account.since", { day: day(me.created_at) })));

function limits({ class: most, jobs, minutes_left }) {
  const lines = [];
  const add = (key, value) => lines.push(...row(t(key), value));
  const of = (used, all) => t("limit.of", { used: number(used), all: number(all) });
  if (most.bytes_per_file !== null) add("limit.bytes_per_file", size(most.bytes_per_file));
  if (most.minutes_a_day !== null) add("limit.minutes_a_day", of(most.minutes_a_day - minutes_left, most.minutes_a_day));
  if (most.jobs_at_once !== null) add("limit.jobs_at_once", of(jobs, most.jobs_at_once));
  if (most.keep_days !== null) add("limit.keep_days", t("limit.days", { count: number(most.keep_days) }));
  return section("account.limits", lines.length ? el("dl", {}, lines) : el("p", {}, t("limit.none")));
}

function password(leave) {
  const field = (name, key, complete) => el("div", { class: "field" }, el("label", { for: `pw-${name}` }, t(key)),
    el("input", { id: `pw-${name}`, name, type: "password", required: true, minlength: 10, maxlength: 200, autocomplete: complete }));
  const who = el("input", { type: "email", autocomplete: "username", value: session.email, readonly: true, hidden: true });
  const form = el("form", {}, who, field("old_password", "password.old", "current-password"),
    field("new_password", "password.new", "new-password"), el("p", { class: "quiet" }, t("password.hint")),
    el("p", {}, el("button", {}, t("password.set"))));
  form.addEventListener("submit", (event) => once(event, async () => {
    await api("password", json("POST", { old_password: form.old_password.value, new_password: form.new_password.value }));
    toast(t("entry.renewed"));
    leave();
  }));
  return section("account.password", el("details", {}, el("summary", {}, t("password.change")), form));
}

async function keys() {
  const list = el("ul", { class: "list plain-list" });
  const show = async () => list.replaceChildren(...(await api("keys")).keys.map(({ id, name, scopes, last_used_at }) => {
    const used = last_used_at ? t("key.used", { time: moment(last_used_at) }) : t("key.unused");
    const remove = async () => {
      await api(`keys/${id}`, { method: "DELETE" });
      await show();
    };
    return el("li", { class: "row spread" }, el("span", {}, el("strong", {}, name), el("span", { class: "quiet" }, ` ${scopes.join(", ")} · ${used}`)),
      button(t("job.remove"), "bin", (event) => once(event, remove), "plain small", { "aria-label": t("action.of", { action: t("job.remove"), name }) }));
  }));
  await show();
  const scope = (name, checked) => el("label", { class: "check" }, el("input", { type: "checkbox", name: "scope", value: name, checked }), t(`scope.${name}`));
  const form = el("form", {}, el("div", { class: "field" }, el("label", { for: "key-name" }, t("key.name")),
    el("input", { id: "key-name", name: "name", required: true, maxlength: 100 })),
  el("fieldset", { class: "row" }, el("legend", {}, t("key.scopes")), scope("upload", true), scope("read", true), scope("admin", false)),
  el("p", {}, el("button", {}, t("key.make"))));
  form.addEventListener("submit", (event) => once(event, async () => {
    const scopes = [...form.querySelectorAll(":checked")].map(({ value }) => value);
    const { secret } = await api("keys", json("POST", { name: form.elements.name.value, scopes }));
    form.reset();
    await show();
    await reveal(t("key.secret"), secret);
  }));
  return section("account.keys", el("p", { class: "quiet" }, t("key.hint")), list,
    el("details", {}, el("summary", {}, t("key.new")), form));
}

function webhooks() {
  const read = async () => reveal(t("webhook.secret"), (await api("me/webhook-secret")).secret);
  const renew = async () => reveal(t("webhook.secret"), (await api("me/webhook-secret", { method: "POST" })).secret);
  return section("account.webhooks", el("p", { class: "quiet" }, t("webhook.hint")), el("p", { class: "row" },
    button(t("webhook.show"), "key", (event) => once(event, read)), button(t("webhook.renew"), "again", (event) => once(event, renew))));
}

async function sessions() {
  const list = el("ul", { class: "list plain-list" });
  const show = async () => {
    const found = (await api("me/sessions")).sessions;
    list.replaceChildren(...found.map((one) => {
      const remove = async () => {
        await api(`me/sessions/${one.id}`, { method: "DELETE" });
        await show();
      };
      const facts = [one.agent || t("session.unknown"), one.address, moment(one.last_used_at), one.current && t("session.current")];
      return el("li", { class: "row spread" }, el("span", {}, facts.filter(Boolean).join(" · ")),
        !one.current && button(t("session.end"), "close", (event) => once(event, remove), "plain small"));
    }));
  };
  await show();
  return section("account.sessions", list);
}

async function feeds() {
  const list = el("ul", { class: "list plain-list" });
  const show = async () => list.replaceChildren(...(await api("me/feeds")).feeds.map((feed) => {
    const name = feed.folder ?? t("feed.all");
    const input = el("input", { readonly: true, value: feed.url, "aria-label": name });
    const remove = async () => {
      await api(`me/feeds/${feed.id}`, { method: "DELETE" });
      await show();
    };
    return el("li", {}, el("strong", {}, name), input, el("p", { class: "row" },
      button(t("copy"), "copy", () => copy(input), "second small"),
      button(t("feed.end"), "bin", (event) => once(event, remove), "plain small")));
  }));
  await show();
  const folder = el("input", { id: "feed-folder", maxlength: 64, autocomplete: "off" });
  const form = el("form", { class: "row" },
    el("div", { class: "field grow" }, el("label", { for: "feed-folder" }, t("feed.folder")), folder),
    el("button", { class: "second" }, icon("feed"), el("span", {}, t("feed.make"))));
  form.addEventListener("submit", (event) => once(event, async () => {
    await api("me/feeds", json("POST", { folder: folder.value.trim() || null }));
    form.reset();
    await show();
  }));
  return section("account.feeds", el("p", { class: "quiet" }, t("feed.hint")), list, form);
}

function ending(leave) {
  const end = async () => {
    const sure = await dialog(t("account.end"), t("close"), (close) => [el("p", {}, t("account.end.hint")),
      el("p", { class: "row" }, button(t("account.end"), "bin", () => close("yes"), "bad"), button(t("keep"), null, () => close()))]);
    if (sure !== "yes") return;
    try {
      await api("me", { method: "DELETE" });
      toast(t("account.ended"));
      leave();
    } catch (error) {
      toast(said(error), true);
    }
  };
  return section("account.danger", button(t("account.end"), "bin", end, "bad"));
}
