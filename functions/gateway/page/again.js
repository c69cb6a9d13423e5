// Converts a part of a video again. The service has no call for that: the video is sent once more, from this page's
// memory if it was uploaded here, else it must be chosen again.

import { el, toast } from "./dom.js";
import { TABLE } from "./options.js";
import { add, sources } from "./queue.js";
import { t } from "./texts.js";

export async function convertAgain(job, part) {
  const file = sources.get(job.id) ?? await choose(job.source.name);
  if (!file) return;
  add(file, { ...given(job.options), ...part });
  toast(t("trim.begun"));
}

// The job's options as a form gives them. What the preset has set stands there, too, and says the same again.
function given(options) {
  const names = new Set(TABLE.map(({ name }) => name));
  const set = Object.entries(options).filter(([name, value]) => names.has(name) && value !== null);
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function choose(name) {
  toast(t("trim.choose", { name }));
  const input = el("input", { type: "file", accept: "video/*,audio/*" });
  return new Promise((resolve) => {
    input.addEventListener("change", () => resolve(input.files[0]));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}
