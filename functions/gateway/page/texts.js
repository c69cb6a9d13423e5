// All words of the page. Each language is one file in texts/; the test of the gateway holds them against each other and
// against what the page asks for.

const LANGUAGES = ["en", "de"];
const NAMES = { en: "English", de: "Deutsch" };
let words = {};

export const language = chosen();

function chosen() {
  const wanted = [localStorage.getItem("language"), ...(navigator.languages ?? [])];
  return wanted.map((tag) => tag?.slice(0, 2)).find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

export async function loadTexts() {
  words = await (await fetch(new URL(`texts/${language}.json`, import.meta.url))).json();
  document.documentElement.lang = language;
}

// The text of that key, with {names} filled in.
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// As t, or null where there is no such text.
export const known = (key) => words[key] ?? null;

// Fills elements that name their text: data-t the content, data-t-label what a screen reader says.
export function fill(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
}

// The languages that the page has, for the switch.
export const languages = () => LANGUAGES.map((tag) => [tag, NAMES[tag]]);

export function switchLanguage(tag) {
  localStorage.setItem("language", tag);
  location.reload();
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const digits = power && bytes / 1000 ** power < 100 ? 1 : 0;
  return `${number(bytes / 1000 ** power, digits)} ${units[power]}`;
}

export const number = (value, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const percent = (part) => `${Math.floor(part * 100)} %`;
export const day = (time) => new Date(time).toLocaleDateString(language, { day: "numeric", month: "short", year: "numeric" });
export const moment = (time) =>
  new Date(time).toLocaleString(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
