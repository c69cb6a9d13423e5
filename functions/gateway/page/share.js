// A link for somebody else: how long it works, the address, and a QR code for a phone nearby.

import { said } from "./api.js";
import { audioLink, nameOf } from "./card.js";
import { button, dialog, el, put, toast } from "./dom.js";
import { day, t } from "./texts.js";

const DAY = 86_400;
const TIMES = [[DAY, "share.day"], [7 * DAY, "share.week"], [30 * DAY, "share.month"]];

export async function share(job) {
  const first = await audioLink(job, TIMES[1][0]);
  const { default: qrcode } = await import("./vendor/qrcode.mjs");
  await dialog(t("share.title", { name: nameOf(job) }), t("close"), () => {
    const address = el("input", { readonly: true, id: "share-url", value: first.url });
    const code = el("canvas", { class: "qr", role: "img", "aria-label": t("share.qr") });
    const until = el("p", { class: "quiet", role: "status" });
    const show = ({ url, expires_at }) => {
      address.value = url;
      put(until, t("share.until", { day: day(expires_at) }));
      paint(code, qrcode, url);
    };
    show(first);
    const times = el("select", { id: "share-time" }, TIMES.map(([seconds, key]) => el("option", { value: seconds }, t(key))));
    times.value = TIMES[1][0];
    times.addEventListener("change", async () => {
      try {
        show(await audioLink(job, Number(times.value)));
      } catch (error) {
        toast(said(error), true);
      }
    });
    return [
      el("div", { class: "field" }, el("label", { for: "share-time" }, t("share.time")), times),
      el("div", { class: "field" }, el("label", { for: "share-url" }, t("share.link")), address),
      until,
      code,
      el("p", { class: "row" }, button(t("copy"), "copy", () => copy(address), ""), nativeShare(job, address)),
    ];
  });
}

export async function copy(input) {
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    // Without https there is no clipboard but this old one.
    document.execCommand("copy");
  }
  toast(t("copied"));
}

// The phone's own way to hand something on.
function nativeShare(job, address) {
  if (!navigator.share) return null;
  return button(t("share.send"), "share", () => navigator.share({ title: nameOf(job), url: address.value }).catch(() => {}));
}

function paint(canvas, qrcode, text) {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const [count, scale, edge] = [code.getModuleCount(), 4, 4];
  canvas.width = canvas.height = (count + 2 * edge) * scale;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (code.isDark(row, column)) pen.fillRect((column + edge) * scale, (row + edge) * scale, scale, scale);
    }
  }
}
