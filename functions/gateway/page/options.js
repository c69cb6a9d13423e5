// The options: presets as plain choices, everything else behind "more", all made from one table and remembered.

import { offersOption } from "./api.js";
import { $, el, icon } from "./dom.js";
import { known, t } from "./texts.js";

const PRESETS = ["", "music", "podcast", "lecture", "audiobook", "small", "lossless"];

// An empty value is left out: the preset decides, or the API's own default.
const choice = (name, ...values) => ({ name, values: ["", ...values] });
const text = (name, attributes = {}) => ({ name, attributes: { maxlength: 500, ...attributes } });
const numeric = (name, min, max, step, suggestions = []) =>
  ({ name, attributes: { type: "number", min, max, step, inputmode: "decimal" }, suggestions });
const TIME = { pattern: "([0-9]+:){0,2}[0-9]+([.][0-9]+)?", inputmode: "numeric", maxlength: 12 };

// Every option of the API but `preset`.
export const TABLE = [
  choice("format", "mp3", "m4a", "m4b", "opus", "ogg", "flac", "wav"),
  numeric("bitrate", 6, 510, 1, [64, 96, 128, 192, 256, 320]),
  choice("quality", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
  choice("bitrate_mode", "constant", "average"),
  choice("channels", "1", "2"),
  choice("sample_rate", "16000", "22050", "24000", "32000", "44100", "48000"),
  numeric("loudness", -70, -5, 0.5, [-14, -16, -18, -23]),
  choice("silence", "keep", "trim", "shorten"),
  numeric("fade", 0, 10, 0.5),
  text("start", TIME),
  text("end", TIME),
  text("track", { pattern: "[0-9A-Za-z\\-]{1,16}", maxlength: 16 }),
  choice("chapters", "keep", "split", "none"),
  choice("tags", "keep", "none"),
  choice("cover", "keep", "none"),
  choice("id3", "2.3", "2.4"),
  choice("peaks", "true", "false"),
  text("title"),
  text("artist"),
  text("album"),
  text("folder", { maxlength: 64 }),
  choice("notify", "mail", "none"),
  text("webhook", { type: "url", pattern: "https://.+", maxlength: 1000 }),
];

// What is about one video only is not remembered.
const ONCE = ["start", "end", "title", "track"];

export function makeOptions() {
  const saved = JSON.parse(localStorage.getItem("options") ?? "{}");
  $("presets").append(...PRESETS.map((name) => preset(name, (saved.preset ?? "") === name)));
  $("more-options").append(...TABLE.filter(({ name }) => offersOption(name)).map((option) => field(option, saved[option.name])));
  $("options").addEventListener("change", changed);
  $("reset-options").addEventListener("click", () => setOptions({}));
  changed();
}

function preset(name, checked) {
  const input = el("input", { type: "radio", name: "preset", value: name, checked });
  const key = name || "standard";
  return el("label", { class: "chip", title: t(`preset.${key}.hint`) }, input, icon(key), el("span", {}, t(`preset.${key}`)));
}

function field({ name, values, attributes, suggestions }, saved) {
  const id = `option-${name}`;
  const label = el("label", { for: id }, t(`option.${name}`));
  const hint = known(`option.${name}.hint`);
  const common = { id, name, "aria-describedby": hint && `${id}-hint` };
  const note = hint && el("span", { id: `${id}-hint`, class: "quiet" }, hint);
  let input;
  if (values) {
    input = el("select", common, values.map((value) => el("option", { value }, valueText(name, value))));
    input.value = saved ?? "";
  } else {
    const list = suggestions?.length && `${id}-list`;
    input = el("input", { type: "text", autocomplete: "off", ...common, ...attributes, list, value: saved });
    if (list) label.append(el("datalist", { id: list }, suggestions.map((value) => el("option", { value }))));
  }
  return el("div", { class: "field" }, label, input, note);
}

function valueText(name, value) {
  if (value === "") return t("value.auto");
  if (name === "format") return value.toUpperCase();
  return known(`value.${name}.${value}`) ?? known(`value.${value}`) ?? value;
}

// Either a bitrate or a quality; neither where nothing is lost.
function changed() {
  const { elements } = $("options");
  const lossless = ["flac", "wav"].includes(elements.format?.value);
  const able = (name, is) => { if (elements[name]) elements[name].disabled = !is; };
  able("bitrate", !lossless && !elements.quality?.value);
  able("quality", !lossless && !elements.bitrate?.value);
  able("bitrate_mode", !lossless && Boolean(elements.bitrate?.value));
  // Whether it is within the video only the converter knows.
  const late = elements.end?.value && seconds(elements.end.value) <= seconds(elements.start.value || "0");
  elements.end?.setCustomValidity(late ? t("option.end.wrong") : "");
  const now = entries();
  const more = Object.keys(now).filter((name) => name !== "preset").length;
  $("more-count").textContent = more || "";
  $("preset-hint").textContent = t(`preset.${now.preset ?? "standard"}.hint`);
  const kept = Object.entries(now).filter(([name]) => !ONCE.includes(name));
  localStorage.setItem("options", JSON.stringify(Object.fromEntries(kept)));
}

// Of h:mm:ss.
const seconds = (text) => text.trim().split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

function entries() {
  const { elements } = $("options");
  const now = {};
  if (elements.preset.value) now.preset = elements.preset.value;
  for (const { name } of TABLE) {
    const input = elements[name];
    const value = input?.value.trim();
    if (value && !input.disabled) now[name] = value;
  }
  return now;
}

// The player's waveform is made along, unless somebody says no, or the sound might be copied as it is otherwise.
function withPeaks(options) {
  const copied = ["m4a", "m4b", "opus", "ogg"].includes(options.format) || options.preset === "audiobook";
  return offersOption("peaks") && !options.peaks && !copied ? { ...options, peaks: "true" } : options;
}

// What is chosen, as names and values of the API; null if something is not valid, which the browser then says.
export function chosenOptions() {
  const form = $("options");
  if (!form.checkValidity()) {
    $("more").open = true;
    form.reportValidity();
    return null;
  }
  return withPeaks(entries());
}

export function setOptions(options) {
  const { elements } = $("options");
  elements.preset.value = options.preset ?? "";
  for (const { name } of TABLE) {
    if (elements[name]) elements[name].value = options[name] ?? "";
  }
  changed();
}
