// The session: in memory, and in sessionStorage so that a reload keeps it. It ends with the tab.

import { Refused, answer, at, call, json } from "./api.js";

export let session = JSON.parse(sessionStorage.getItem("session") ?? "null");
let refreshing = null;
let lost = () => {};

// Calls back when the service no longer takes the session.
export function whenLost(callback) {
  lost = callback;
}

export function setSession(next) {
  session = next;
  if (next) sessionStorage.setItem("session", JSON.stringify(next));
  else sessionStorage.removeItem("session");
}

function keep(tokens, email) {
  const { access_token, refresh_token, expires_in } = tokens;
  setSession({ email, access_token, refresh_token, until: Date.now() + expires_in * 1000 });
}

// One refresh at a time: a refresh token works once.
function refresh() {
  refreshing ??= renew().finally(() => { refreshing = null; });
  return refreshing;
}

async function renew() {
  const { email, refresh_token } = session;
  try {
    keep(await call("token/refresh", json("POST", { refresh_token })), email);
  } catch (error) {
    if (error instanceof Refused && error.status < 500 && error.status !== 429) lost();
    throw error;
  }
}

// A token that is good for another minute at least.
export async function token() {
  if (!session) throw new Refused(401, null);
  if (session.until - Date.now() < 60_000) await refresh();
  return session.access_token;
}

// As fetch, with the caller's token; a token that the service no longer takes is renewed once.
export async function fetchApi(path, options = {}) {
  const send = async () =>
    fetch(at(path), { ...options, headers: { ...options.headers, Authorization: `Bearer ${await token()}` } });
  const response = await send();
  if (response.status !== 401 || !session) return response;
  await refresh();
  return send();
}

export const api = async (path, options) => answer(await fetchApi(path, options));

export async function login(email, password) {
  const bytes = new TextEncoder().encode(`${email}:${password}`);
  const basic = btoa(String.fromCharCode(...bytes));
  const headers = { Authorization: `Basic ${basic}`, Accept: "application/json" };
  // Without `omit` a browser answers the 401 of a wrong password with a log-in box of its own.
  keep(await call("login", { method: "POST", headers, credentials: "omit" }), email);
}

export async function logout() {
  const { refresh_token } = session;
  // Best effort: the tab forgets the tokens in any case.
  await api("logout", json("POST", { refresh_token })).catch(() => {});
}
