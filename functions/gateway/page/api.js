// Calls of the public API, relative to where the page is: it may be served below a path.

import { known, t } from "./texts.js";

export const HOME = new URL("../", import.meta.url);
export const at = (path) => new URL(path.replace(/^\//, ""), HOME).href;

// The service said no, and why.
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail ?? t("problem.status", { status }));
    this.status = status;
    this.type = body?.type ?? "";
    this.field = body?.field;
  }
}

export async function answer(response) {
  const text = await response.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* Not every answer is JSON. */ }
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

export function json(method, body) {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

export const call = async (path, options) => answer(await fetch(at(path), options));

// What to tell the user: our own words where we have them, else the service's.
export function said(error) {
  if (!(error instanceof Refused)) return t("problem.network");
  const type = error.type.split(/[/#]/).pop();
  return known(`problem.type.${type}`) ?? error.message;
}

// What the running service offers: routes as "POST /upload", names of options. Nothing is shown that it has not.
let offered = { routes: new Set(), options: new Set() };

export async function loadOffers() {
  const { routes, options } = await call("page/offers.json");
  offered = { routes: new Set(routes), options: new Set(options) };
}

export const offers = (route) => offered.routes.has(route);
export const offersOption = (name) => offered.options.has(name);
