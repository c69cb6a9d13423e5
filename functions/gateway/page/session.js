// The session: in memory, and in sessionStorage so that a reload keeps it. It ends with the tab.

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

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function answer(response) {
  const text = await response.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* Not every answer is JSON. */ }
  if (!response.ok) throw new Refused(response.status, body?.detail ?? `The service answered ${response.status}.`);
  return body;
}

// One refresh at a time: a refresh token works once.
function refresh() {
  refreshing ??= renew().finally(() => { refreshing = null; });
  return refreshing;
}

async function renew() {
  const { email, refresh_token } = session;
  try {
    keep(await answer(await fetch("/token/refresh", json("POST", { refresh_token }))), email);
  } catch (error) {
    if (error instanceof Refused && error.status < 500 && error.status !== 429) lost();
    throw error;
  }
}

// A token that is good for another minute at least.
export async function token() {
  if (session.until - Date.now() < 60_000) await refresh();
  return session.access_token;
}

export function json(method, body) {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

export async function api(path, options = {}) {
  const call = async () =>
    fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${await token()}` } });
  let response = await call();
  if (response.status === 401 && session) {
    await refresh();
    response = await call();
  }
  return answer(response);
}

export async function login(email, password) {
  const bytes = new TextEncoder().encode(`${email}:${password}`);
  const basic = btoa(String.fromCharCode(...bytes));
  const headers = { Authorization: `Basic ${basic}`, Accept: "application/json" };
  // Without `omit` a browser answers the 401 of a wrong password with a log-in box of its own.
  keep(await answer(await fetch("/login", { method: "POST", headers, credentials: "omit" })), email);
}
