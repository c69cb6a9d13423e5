// Dark or light: as the system has it, or as chosen.

import { $ } from "./dom.js";

const KEY = "theme";

export function startTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (localStorage.getItem(KEY) ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(isDark()));
  };
  $("theme").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    // Back to what the system says is no choice of ours any more.
    if (next === (dark.matches ? "dark" : "light")) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    show();
  });
  dark.addEventListener("change", show);
  show();
}
