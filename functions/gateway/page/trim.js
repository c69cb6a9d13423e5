// Choosing a part of the audio on its waveform, and having it converted again.

import { convertAgain } from "./again.js";
import { button, el, icon, put } from "./dom.js";
import { clock, t } from "./texts.js";

// The part to keep, in seconds of the audio.
export function trimmer(job, wave, audio) {
  const total = job.audio.duration;
  const part = { from: 0, to: total };
  let heard = false;
  const label = el("span", {});
  const again = button(t("trim.again"), "cut", () => convertPart(job, part), "second", { disabled: true });
  const listen = button(t("trim.listen"), "play", () => { audio.currentTime = part.from; heard = true; audio.play(); }, "second");
  const draw = () => {
    put(label, t("trim.part", { from: clock(part.from), to: clock(part.to), length: clock(part.to - part.from) }));
    again.disabled = part.from < 0.05 && part.to > total - 0.05;
  };
  wave.handles(part, { from: t("trim.from"), to: t("trim.to") }, draw);
  draw();
  const summary = el("summary", {}, icon("cut"), el("span", {}, t("trim.title")));
  const box = el("details", { class: "trim" }, summary,
    el("p", { class: "quiet" }, t("trim.hint")), el("p", { class: "row" }, label), el("p", { class: "row" }, listen, again));
  box.addEventListener("toggle", () => wave.trimming(box.open));
  return {
    nodes: [box],
    at(seconds) {
      if (!heard || seconds < part.to) return;
      heard = false;
      audio.pause();
    },
  };
}

// Times of the audio are times of the video, later by where the audio begins.
async function convertPart(job, part) {
  const shift = job.options.start ?? 0;
  await convertAgain(job, { start: (shift + part.from).toFixed(2), end: (shift + part.to).toFixed(2) });
}
