// A video from a link: the service fetches it, and answers when it has all of it.

import { call, json, offers, said } from "./api.js";
import { $, say, toast } from "./dom.js";
import { watch } from "./jobs.js";
import { chosenOptions } from "./options.js";
import { freshId } from "./queue.js";
import { api } from "./session.js";
import { t } from "./texts.js";

// Shows the field where the service fetches from links.
export async function offerLinks() {
  if ($("link").onsubmit || !offers("GET /upload/url")) return;
  const { on } = await call("upload/url").catch(() => ({}));
  $("link").hidden = !on;
  $("link").onsubmit = fetchLink;
}

async function fetchLink(event) {
  event.preventDefault();
  const button = event.submitter ?? $("link").querySelector("button");
  const options = chosenOptions();
  if (!options || button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  say(t("link.fetching"));
  try {
    const request = json("POST", { url: $("url").value.trim(), ...options });
    request.headers["Idempotency-Key"] = freshId();
    await api("upload/url", request);
    $("url").value = "";
    toast(t("link.fetched"));
    watch();
  } catch (error) {
    toast(said(error), true);
  }
  button.ariaBusy = "false";
}
