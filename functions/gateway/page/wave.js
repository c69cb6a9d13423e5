// A waveform on a canvas: a slider to seek with, marks of chapters, and two handles that choose a part. Pointer and keys.

import { el, setAttribute } from "./dom.js";
import { clock } from "./texts.js";

const KEYS = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -60, PageUp: 60 };

export function makeWave({ total, label, seek, toggle }) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const slider = el("div", { class: "line", role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0 }, canvas);
  const node = el("div", { class: "wave" }, slider);
  const view = { total, position: 0, peaks: [], marks: [], part: null };
  const draw = () => paint(canvas, view);
  setAttribute(slider, "aria-valuemax", Math.round(total));
  const at = (seconds) => {
    view.position = seconds;
    setAttribute(slider, "aria-valuenow", Math.round(seconds));
    setAttribute(slider, "aria-valuetext", clock(seconds));
    draw();
  };
  drag(slider, slider, total, seek);
  keys(slider, () => view.position, total, seek, toggle);
  new ResizeObserver(draw).observe(node);
  return {
    node,
    at,
    peaks(data) { view.peaks = heights(data); draw(); },
    marks(starts) { view.marks = starts; draw(); },
    handles(part, labels, changed) {
      for (const end of ["from", "to"]) node.append(handle(slider, part, end, total, labels[end], () => { changed(); draw(); }));
      view.all = part;
    },
    trimming(is) {
      view.part = is ? view.all : null;
      node.classList.toggle("trimming", is);
      draw();
    },
  };
}

function handle(line, part, end, total, label, changed) {
  const node = el("div", { class: `handle ${end}`, role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0 });
  setAttribute(node, "aria-valuemax", Math.round(total));
  const set = (seconds) => {
    const [low, high] = end === "from" ? [0, part.to - 0.1] : [part.from + 0.1, total];
    part[end] = Math.min(high, Math.max(low, seconds));
    node.style.left = `${(part[end] / total) * 100}%`;
    setAttribute(node, "aria-valuenow", Math.round(part[end]));
    setAttribute(node, "aria-valuetext", clock(part[end]));
    changed();
  };
  drag(node, line, total, set);
  keys(node, () => part[end], total, set);
  set(part[end]);
  return node;
}

function drag(node, line, total, set) {
  const place = (event) => {
    const { left, width } = line.getBoundingClientRect();
    set((Math.min(1, Math.max(0, (event.clientX - left) / width))) * total);
  };
  node.addEventListener("pointerdown", (event) => {
    node.setPointerCapture(event.pointerId);
    place(event);
  });
  node.addEventListener("pointermove", (event) => { if (node.hasPointerCapture(event.pointerId)) place(event); });
}

function keys(node, now, total, set, toggle) {
  node.addEventListener("keydown", (event) => {
    const places = { Home: 0, End: total };
    const step = KEYS[event.key] && (event.shiftKey ? KEYS[event.key] / 5 : KEYS[event.key]);
    if (step) set(Math.min(total, Math.max(0, now() + step)));
    else if (event.key in places) set(places[event.key]);
    else if (event.key === " " && toggle) toggle();
    else return;
    event.preventDefault();
  });
}

// As audiowaveform writes it: min and max in turn, for each channel, in 8 or 16 bits. Gives heights of 0 to 1.
function heights({ data, bits = 8, channels = 1 }) {
  const step = 2 * channels;
  const scale = 2 ** (bits - 1);
  const all = [];
  for (let place = 0; place + step <= data.length; place += step) {
    all.push(Math.max(...data.slice(place, place + step).map(Math.abs)) / scale);
  }
  return all;
}

function paint(canvas, { total, position, peaks, marks, part }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const { color: played, caretColor: ahead, outlineColor: ink } = getComputedStyle(canvas);
  const x = (seconds) => (seconds / total) * width;
  const bars = Math.floor(width / 3);
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar / bars) * peaks.length), to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * peaks.length));
    const loud = peaks.length ? Math.max(...peaks.slice(from, to)) : 0;
    const tall = Math.max(3, loud * height * 0.95);
    const seconds = (bar / bars) * total;
    const kept = !part || (seconds >= part.from && seconds <= part.to);
    pen.globalAlpha = kept ? 1 : 0.25;
    pen.fillStyle = seconds < position ? played : ahead;
    pen.fillRect(bar * 3, (height - tall) / 2, 2, tall);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = ink;
  for (const mark of marks) pen.fillRect(x(mark), 0, 1, 8);
  pen.fillRect(Math.min(width - 2, x(position)), 0, 2, height);
}
