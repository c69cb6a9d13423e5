// A job is named in place, and gets its tags. Resolves when that is done or given up.

import { json, said } from "./api.js";
import { button, el, toast } from "./dom.js";
import { nameOf } from "./card.js";
import { api } from "./session.js";
import { t } from "./texts.js";

const listed = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

export function edit(job, { item, head }) {
  const field = (key, value, attributes) => {
    const id = `${key}-${job.id}`;
    const input = el("input", { id, value, autocomplete: "off", ...attributes });
    return [input, el("div", { class: "field grow" }, el("label", { for: id }, t(`job.${key}`)), input)];
  };
  const [name, nameField] = field("name", nameOf(job), { maxlength: 120, required: true });
  const [tags, tagsField] = field("tags", job.tags.join(", "), { maxlength: 500, placeholder: t("job.tags.hint") });
  const form = el("form", { class: "row labels" }, nameField, tagsField, el("button", {}, t("save")));
  head.hidden = true;
  item.prepend(form);
  name.select();
  return new Promise((resolve) => {
    const end = () => {
      form.remove();
      head.hidden = false;
      resolve();
    };
    form.append(button(t("job.keep"), null, end, "plain"));
    form.addEventListener("keydown", ({ key }) => { if (key === "Escape") end(); });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const change = { tags: listed(tags.value) };
        if (name.value.trim() !== nameOf(job)) change.name = name.value.trim() || null;
        await api(`jobs/${job.id}`, json("PATCH", change));
        end();
      } catch (error) {
        toast(said(error), true);
      }
    });
  });
}
