// The player in a card: play, seek on the waveform or by chapter, choose a part and convert it again.

import { audioLink } from "./card.js";
import { chaptersOf } from "./chapters.js";
import { button, el, icon, put } from "./dom.js";
import { api } from "./session.js";
import { clock, t } from "./texts.js";
import { trimmer } from "./trim.js";
import { makeWave } from "./wave.js";

const STEP = 5;
const HOUR = 3600;

export async function makePlayer(job) {
  const { here } = await audioLink(job, 12 * HOUR);
  const audio = el("audio", { src: here, preload: "metadata" });
  const total = job.audio.duration;
  const time = el("span", { class: "time" }, clock(0));
  const play = button(t("player.play"), "play", () => (audio.paused ? audio.play() : audio.pause()), "");
  const seek = (seconds) => { audio.currentTime = Math.min(total, Math.max(0, seconds)); };
  const wave = makeWave({ total, label: t("player.position"), seek, toggle: () => play.click() });
  // Where pauses are left out, the times of the audio don't say where to cut the video.
  const whole = (job.options.silence ?? "keep") === "keep";
  const trim = whole ? trimmer(job, wave, audio) : { nodes: [], at() {} };

  const tick = () => {
    put(time, `${clock(audio.currentTime)} / ${clock(total)}`);
    wave.at(audio.currentTime);
    trim.at(audio.currentTime);
  };
  const swap = () => {
    play.replaceChildren(icon(audio.paused ? "play" : "pause"), el("span", {}, t(audio.paused ? "player.play" : "player.pause")));
  };
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, tick);
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, swap);
  tick();
  const jump = (by, symbol, label) =>
    button(label, symbol, () => seek(audio.currentTime + by), "second small only", { "aria-label": label });
  const row = el("div", { class: "row" }, play, jump(-STEP, "back", t("player.back")), jump(STEP, "forth", t("player.forth")), time);
  const list = el("ol", { class: "chapters", "aria-label": t("player.chapters"), hidden: true });
  addPeaks(job, wave);
  addChapters(job, here, list, wave, (seconds) => { seek(seconds); audio.play(); });
  // Where the card goes, the sound goes.
  new MutationObserver((_, watcher) => {
    if (!audio.isConnected) { audio.pause(); audio.removeAttribute("src"); watcher.disconnect(); }
  }).observe(document.body, { childList: true, subtree: true });
  // A browser that wants another touch first says no: then the button is there.
  const start = () => audio.play().catch(() => {});
  return { nodes: [row, wave.node, audio, list, ...trim.nodes], start };
}

// The waveform comes when the service has one; the line to seek on is there at once.
async function addPeaks(job, wave) {
  if (!job.links.peaks) return;
  try {
    wave.peaks(await api(job.links.peaks));
  } catch { /* It is a picture only. */ }
}

async function addChapters(job, url, list, wave, go) {
  const chapters = await chaptersOf(job, url).catch(() => []);
  if (chapters.length < 2) return;
  wave.marks(chapters.map(({ start }) => start));
  list.append(...chapters.map(({ start, title }) =>
    el("li", {}, el("button", { type: "button", class: "plain", onclick: () => go(start) },
      el("span", { class: "time" }, clock(start)), ` ${title}`))));
  list.hidden = false;
}
