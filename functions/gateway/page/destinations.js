// Where the user is told of jobs: by mail if they like, and at webhooks, ntfy topics and Apprise keys, which can be tried.

import { json } from "./api.js";
import { deliveryList } from "./deliveries.js";
import { button, dialog, el, put, toast } from "./dom.js";
import { once, reveal, section } from "./parts.js";
import { api } from "./session.js";
import { t } from "./texts.js";

const KINDS = ["webhook", "ntfy", "apprise"];
const EVENTS = ["done", "failed"];
// How long somebody looks at a test, in seconds.
const LOOK = 20;

const check = (name, value, text, checked) =>
  el("label", { class: "check" }, el("input", { type: "checkbox", name, value, checked }), text);

export async function destinations(me) {
  const list = el("ul", { class: "list plain-list" });
  const show = async () => list.replaceChildren(...(await api("me/destinations")).destinations.map((one) => item(one, show)));
  await show();
  return section("account.telling", el("p", { class: "quiet" }, t("telling.hint")), mails(me), list,
    el("details", {}, el("summary", {}, t("destination.new")), adding(show)));
}

function mails(me) {
  const label = check("job-mails", "on", t("telling.mail"), me.job_mails);
  label.firstChild.addEventListener("change", async ({ target }) => {
    try {
      await api("me", json("PATCH", { job_mails: target.checked }));
      toast(t("saved"));
    } catch (error) {
      target.checked = !target.checked;
      toast(error.message, true);
    }
  });
  return label;
}

function item(one, show) {
  const { id, kind, address, events, active } = one;
  const path = `me/destinations/${id}`;
  const act = (key, symbol, what, look = "second small") => button(t(key), symbol, (event) => once(event, what), look,
    { "aria-label": t("action.of", { action: t(key), name: address }) });
  const change = async (options) => {
    await api(path, options);
    await show();
  };
  const facts = [...events.map((name) => t(`destination.event.${name}`)), !active && t("destination.off")];
  const renew = async () => reveal(t("destination.secret.new"), (await api(`${path}/secret`, { method: "POST" })).secret);
  return el("li", {}, el("p", {}, el("strong", {}, t(`destination.kind.${kind}`)), ` ${address} `,
    el("span", { class: "quiet" }, facts.filter(Boolean).join(" · "))),
  el("p", { class: "row" }, act("destination.test", "bell", () => tried(one)),
    act("destination.deliveries", "clock", () => deliveries(one)),
    kind === "webhook" && act("destination.secret", "key", renew),
    active ? act("destination.switch.off", "pause", () => change(json("PATCH", { active: false })))
      : act("destination.switch.on", "play", () => change(json("PATCH", { active: true }))),
    act("job.remove", "bin", () => change({ method: "DELETE" }), "plain small")));
}

// Calls it once, and says what became of that.
async function tried({ id }) {
  const { delivery_id } = await api(`me/destinations/${id}/test`, { method: "POST" });
  for (let second = 0; second < LOOK; second += 1) {
    const { deliveries: latest } = await api(`deliveries?destination=${id}&limit=10`);
    const found = latest.find((delivery) => delivery.id === delivery_id);
    if (found?.outcome === "sent") return toast(t("destination.arrived"));
    if (found?.outcome) return toast(t("destination.lost", { why: found.detail ?? "" }), true);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return toast(t("outcome.open"));
}

async function deliveries({ id, address }) {
  const { deliveries: latest } = await api(`deliveries?destination=${id}&limit=20`);
  await dialog(t("told.title", { name: address }), t("close"), () =>
    latest.length ? deliveryList(latest) : el("p", {}, t("told.none")));
}

function adding(show) {
  const field = (name, text, input, ...rest) =>
    el("div", { class: "field" }, el("label", { for: `destination-${name}` }, text), input, ...rest);
  const kind = el("select", { id: "destination-kind", name: "kind" },
    KINDS.map((value) => el("option", { value }, t(`destination.kind.${value}`))));
  const hint = el("span", { id: "destination-hint", class: "quiet" });
  const address = el("input", { id: "destination-address", name: "address", type: "url", required: true, pattern: "https://.+",
    maxlength: 1000, autocomplete: "off", "aria-describedby": "destination-hint" });
  const token = el("input", { id: "destination-token", name: "token", maxlength: 200, autocomplete: "off" });
  const tokenField = field("token", t("destination.token"), token);
  const form = el("form", {}, field("kind", t("destination.kind"), kind), field("address", t("destination.address"), address, hint),
    tokenField, el("fieldset", { class: "row" }, el("legend", {}, t("destination.events")),
      EVENTS.map((name) => check("event", name, t(`destination.event.${name}`), true))),
    el("p", {}, el("button", {}, t("destination.make"))));
  const fit = () => {
    put(hint, t(`destination.hint.${kind.value}`));
    tokenField.hidden = kind.value === "webhook";
  };
  kind.addEventListener("change", fit);
  fit();
  form.addEventListener("submit", (event) => once(event, async () => {
    const wanted = { kind: kind.value, address: address.value.trim() };
    wanted.events = [...form.querySelectorAll("[name=event]:checked")].map(({ value }) => value);
    if (!tokenField.hidden && token.value.trim()) wanted.token = token.value.trim();
    const { secret } = await api("me/destinations", json("POST", wanted));
    form.reset();
    fit();
    await show();
    if (secret) await reveal(t("destination.secret.new"), secret);
  }));
  return form;
}
