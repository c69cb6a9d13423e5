// Who was told of a job, and how that went; what has ended can be sent again.

import { offers, said } from "./api.js";
import { nameOf } from "./card.js";
import { button, dialog, el, toast } from "./dom.js";
import { api } from "./session.js";
import { known, moment, t } from "./texts.js";

export async function showDeliveries(job) {
  const { deliveries } = await api(`jobs/${job.id}/deliveries`);
  await dialog(t("told.title", { name: nameOf(job) }), t("close"), () =>
    deliveries.length ? deliveryList(deliveries) : el("p", {}, t("told.none")));
}

export function deliveryList(deliveries, extra = () => []) {
  return el("ul", { class: "list plain-list" }, deliveries.map((delivery) => {
    const { id, message, channel, outcome, detail, attempts, created_at, ended_at } = delivery;
    const state = el("strong", { class: `outcome ${outcome ?? "open"}` }, t(`outcome.${outcome ?? "open"}`));
    const what = [t(`channel.${channel}`), known(`message.${message}`) ?? message, moment(ended_at ?? created_at), t("told.attempts", { attempts })];
    const item = el("li", {}, el("p", {}, state, ` ${what.join(" · ")}`), detail && el("p", { class: "quiet" }, detail),
      el("p", { class: "row" }, outcome && offers("POST /deliveries/{id}/repeat") && repeat(id, state), extra(delivery, () => item.remove())));
    return item;
  }));
}

function repeat(id, state) {
  const node = button(t("told.repeat"), "again", async () => {
    try {
      await api(`deliveries/${id}/repeat`, { method: "POST" });
      state.textContent = t("outcome.open");
      node.remove();
      toast(t("told.repeated"));
    } catch (error) {
      toast(said(error), true);
    }
  }, "second small");
  return node;
}
