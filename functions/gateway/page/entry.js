// Logging in, signing up, and what mails lead to: their links are this page with #verify=TOKEN or #reset=TOKEN, which
// leaves the address bar at once.

import { at, call, json, offers, said } from "./api.js";
import { $, el, put, toast } from "./dom.js";
import { login, session, setSession } from "./session.js";
import { known, t } from "./texts.js";

let entered = () => {};
let renewing = null;

// `onEnter` is called once somebody has logged in, `onVerified` once an address is confirmed, `show` whenever what is to be
// seen has changed.
export function startEntry({ onEnter, show, leave, onVerified }) {
  entered = onEnter;
  $("credentials").addEventListener("submit", submit);
  $("forgot").addEventListener("click", forgot);
  $("renew").addEventListener("submit", (event) => renew(event, show));
  if (!session) {
    offerProviders();
    offerGuest();
  }
  addEventListener("hashchange", () => openMail(leave, onVerified));
  return openMail(leave, onVerified);
}

export const isRenewing = () => Boolean(renewing);

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const email = form.email.value.trim(), password = form.password.value;
  put($("entry-error"), "");
  $("credentials-fields").disabled = true;
  try {
    if (event.submitter?.value === "register") await call("register", json("POST", { email, password }));
    await login(email, password);
    form.reset();
    entered();
  } catch (error) {
    put($("entry-error"), said(error));
  }
  $("credentials-fields").disabled = false;
}

async function forgot() {
  const { email } = $("credentials");
  if (!email.reportValidity()) return;
  try {
    await call("password/reset", json("POST", { email: email.value.trim() }));
    toast(t("entry.mailed"));
  } catch (error) {
    put($("entry-error"), said(error));
  }
}

async function openMail(leave, onVerified) {
  const [purpose, token] = location.hash.slice(1).split("=");
  if (!token || !["verify", "reset", "oidc"].includes(purpose)) return;
  history.replaceState(null, "", location.pathname);
  if (purpose === "oidc") return comeBack(token);
  if (purpose === "reset") {
    renewing = token;
    leave();
    $("renew").password.focus();
    return;
  }
  try {
    await call("verify", json("POST", { token }));
    toast(t("entry.verified"));
    onVerified();
  } catch (error) {
    toast(said(error), true);
  }
}

// A log-in at each provider of this installation, if it has any.
async function offerProviders() {
  if (!offers("GET /auth/oidc")) return;
  const { providers = [] } = await call("auth/oidc").catch(() => ({}));
  $("providers").replaceChildren(...providers.map(({ id, name }) => {
    const href = at(`auth/oidc/login?provider=${encodeURIComponent(id)}`);
    return el("a", { class: "button second", href }, t("entry.provider", { name }));
  }));
}

// A try without an account, where the service takes guests.
async function offerGuest() {
  if (!offers("GET /guest")) return;
  const { hours } = await call("guest").catch(() => ({}));
  $("guest").hidden = !hours;
  $("guest").addEventListener("click", async () => {
    try {
      setSession({ email: (await call("guest", { method: "POST" })).email });
      toast(t("entry.guest.hint", { hours }));
      entered();
    } catch (error) {
      put($("entry-error"), said(error));
    }
  });
}

// From the provider: there is a session now, or a word for why not.
async function comeBack(word) {
  if (word !== "done") return toast(known(`problem.type.${word}`) ?? t("entry.provider.failed"), true);
  try {
    setSession({ email: (await call("me")).email });
  } catch (error) {
    toast(said(error), true);
  }
}

async function renew(event, show) {
  event.preventDefault();
  const form = event.target;
  put($("renew-error"), "");
  try {
    await call("password/reset/confirm", json("POST", { token: renewing, password: form.password.value }));
    form.reset();
    renewing = null;
    toast(t("entry.renewed"));
    show();
  } catch (error) {
    // A link that is used up can't be tried again: back to where a new one is asked for.
    if (error.status === 410) {
      renewing = null;
      show();
      toast(said(error), true);
    } else put($("renew-error"), said(error));
  }
}
