// One upload by tus, with tus-js-client, which is loaded with the first one. Resolves to the job's id, if the service
// tells it.

import { Refused, at } from "./api.js";
import { t } from "./texts.js";
import "./vendor/tus.min.js";

// What is sent in one request: little is lost when it is cut off, and the service says how far it came.
const CHUNK = 32 * 1024 * 1024;
const RETRIES = [500, 1000, 3000, 5000, 10_000, 20_000];

export async function sendResumable(upload, progress, keep) {
  let job = null;
  await new Promise((resolve, reject) => {
    const sending = new globalThis.tus.Upload(upload.file, {
      endpoint: at("uploads"),
      uploadUrl: upload.url,
      chunkSize: CHUNK,
      retryDelays: RETRIES,
      storeFingerprintForResuming: false,
      metadata: { filename: upload.name, ...upload.options },
      onAfterResponse: (_, response) => { job ??= jobOf(response); },
      // Below the path where the page is, whatever the service takes for its own address.
      onUploadUrlAvailable() {
        sending.url = at(`uploads/${sending.url.split("/").pop()}`);
        upload.url = sending.url;
        keep();
      },
      onProgress: progress,
      onSuccess: resolve,
      onError: (error) => reject(refused(error)),
    });
    upload.stop = (forGood) => {
      sending.abort(forGood && Boolean(sending.url)).catch(() => {});
      reject(new Refused(0, { detail: t("upload.stopped") }));
    };
    sending.start();
  });
  return job;
}

// What the service has of an upload that began before the page was loaded.
export async function discard(url) {
  // Best effort: what is left there expires by itself.
  await globalThis.tus.Upload.terminate(url, { retryDelays: [] }).catch(() => {});
}

const jobOf = (response) => response.getHeader("Job-Location")?.split("/").pop() ?? null;

// The service's own words, if it was the service that said no.
function refused(error) {
  const response = error.originalResponse;
  if (!response) return error;
  let body = null;
  try { body = JSON.parse(response.getBody()); } catch { /* Not every answer is JSON. */ }
  return new Refused(response.getStatus(), body);
}
