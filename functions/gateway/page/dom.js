// Small helpers to make and change elements. Texts are set as text, never as markup.

export const $ = (id) => document.getElementById(id);

// el("button", { class: "plain", onclick: f, "aria-label": x }, "text", child): what is null or false is left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// One of the symbols in index.html. It says nothing to a screen reader.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function button(label, symbol, onclick, kind = "second", attributes = {}) {
  return el("button", { type: "button", class: kind, onclick, ...attributes }, symbol && icon(symbol), el("span", {}, label));
}

// Touches the element only if something is new: a live region speaks at each change, and the focus stays.
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Makes the children of `list` those of `nodes`, in their order, and moves only what stands wrong.
export function arrange(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, place) => {
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
  });
}

// Says something to whoever can't see it happen.
export function say(text) {
  put($("news"), text);
}

// A short message at the edge of the window, for what went wrong or went well. It is spoken, too.
export function toast(text, bad = false) {
  const item = el("p", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" }, text);
  $("toasts").append(item);
  setTimeout(() => item.remove(), bad ? 10_000 : 5_000);
}

// A dialog with a heading and a way out; `fill(close)` gives its content. Resolves when it is closed.
export function dialog(title, closing, fill) {
  const heading = el("h2", { id: "dialog-title" }, title);
  const box = el("dialog", { "aria-labelledby": "dialog-title" });
  const close = (value) => { box.returnValue = value ?? ""; box.close(); };
  const x = el("button", { type: "button", class: "plain close", "aria-label": closing, onclick: () => close() }, icon("close"));
  box.append(el("div", { class: "row spread" }, heading, x), ...[fill(close)].flat());
  box.addEventListener("click", (event) => { if (event.target === box) close(); });
  document.body.append(box);
  const before = document.activeElement;
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      before?.focus?.();
      resolve(box.returnValue);
    });
  });
}
