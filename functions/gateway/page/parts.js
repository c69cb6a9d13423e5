// What the account and the administration are made of.

import { said } from "./api.js";
import { button, dialog, el, toast } from "./dom.js";
import { copy } from "./share.js";
import { t } from "./texts.js";

export function section(key, ...children) {
  return el("section", { class: "card", "aria-labelledby": key }, el("h3", { id: key }, t(key)), ...children);
}

export const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];

// Does it once at a time, and tells what went wrong.
export async function once(event, act) {
  event.preventDefault();
  const node = event.submitter ?? event.currentTarget;
  node.disabled = true;
  try {
    await act();
  } catch (error) {
    toast(said(error), true);
  }
  node.disabled = false;
}

// A secret, to be copied.
export function reveal(title, secret) {
  return dialog(title, t("close"), () => {
    const input = el("input", { readonly: true, value: secret, "aria-label": title });
    return [input, el("p", { class: "row" }, button(t("copy"), "copy", () => copy(input), ""))];
  });
}

// A list that comes in parts: `load(cursor)` gives {items, next}.
export async function paged(load) {
  const list = el("ul", { class: "list plain-list" });
  const more = el("button", { type: "button", class: "second" }, t("older"));
  let cursor = null;
  const step = async () => {
    const { items, next } = await load(cursor);
    list.append(...items);
    cursor = next;
    more.hidden = !next;
  };
  more.addEventListener("click", (event) => once(event, step));
  await step();
  if (!list.childElementCount) list.append(el("li", { class: "quiet" }, t("nothing")));
  return [list, el("p", {}, more)];
}
