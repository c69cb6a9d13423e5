// The service worker: the page opens without a network, and other apps can share videos with it. It keeps the shell only,
// and asks the network first, so that nobody is left with an old page. The API is never touched.

const SHELL = "shell-1";
const HOME = new URL("./", self.location).pathname;
const isShell = ({ pathname }) => pathname === HOME || pathname === `${HOME}icon.svg` ||
  pathname.startsWith(`${HOME}page/`);

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== self.location.origin) return;
  if (event.request.method === "POST" && url.pathname === `${HOME}share`) event.respondWith(taken(event.request));
  if (event.request.method === "GET" && isShell(url)) event.respondWith(shell(event.request));
});

async function shell(request) {
  const cache = await caches.open(SHELL);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

// Shared files wait in IndexedDB until the page takes them.
async function taken(request) {
  const files = (await request.formData()).getAll("files").filter((file) => file.size);
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open("tapedeck", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("uploads", { keyPath: "id" });
      opening.result.createObjectStore("shared", { autoIncrement: true });
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  await new Promise((resolve, reject) => {
    const transaction = database.transaction("shared", "readwrite");
    files.forEach((file) => transaction.objectStore("shared").add(file));
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  database.close();
  return Response.redirect(HOME, 303);
}
