// The session: a cookie that no script reads. What we keep is whose it is, so that a visit without one asks for nothing.

import { answer, at, call, json } from "./api.js";

const KEY = "email";

export let session = remembered();
let lost = () => {};

function remembered() {
  const email = localStorage.getItem(KEY);
  return email ? { email } : null;
}

// Calls back when the service no longer takes the session, or another tab has ended it.
export function whenLost(callback) {
  lost = callback;
  addEventListener("storage", ({ key }) => {
    if (key === KEY && session && remembered()?.email !== session.email) lost();
  });
}

// Somebody else than fetchApi was told so.
export function loseSession() {
  if (session) lost();
}

export function setSession(next) {
  if (next) localStorage.setItem(KEY, next.email);
  else if (remembered()?.email === session?.email) localStorage.removeItem(KEY);
  session = next;
}

export async function fetchApi(path, options) {
  const response = await fetch(at(path), options);
  if (response.status === 401) loseSession();
  return response;
}

export const api = async (path, options) => answer(await fetchApi(path, options));

export async function login(email, password) {
  await call("session", json("POST", { email, password }));
  setSession({ email });
}

export async function logout() {
  // Best effort: without a network the cookie stays, and so does what we know of it.
  await call("session", { method: "DELETE" });
}
