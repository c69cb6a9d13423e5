// What outlives a reload, in IndexedDB: unfinished uploads, and what another app shares with us. Where the browser has
// no IndexedDB (private windows of some), nothing outlives it.

const open = () => new Promise((resolve, reject) => {
  const request = indexedDB.open("tapedeck", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("uploads", { keyPath: "id" });
    request.result.createObjectStore("shared", { autoIncrement: true });
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function run(store, mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = act(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const shelve = (upload) => run("uploads", "readwrite", (store) => store.put(upload)).catch(() => {});
export const unshelve = (id) => run("uploads", "readwrite", (store) => store.delete(id)).catch(() => {});
export const shelved = () => run("uploads", "readonly", (store) => store.getAll()).catch(() => []);

// Files that another app handed to the service worker; they are handed on once.
export async function takeShared() {
  const files = await run("shared", "readonly", (store) => store.getAll()).catch(() => []);
  if (files.length) await run("shared", "readwrite", (store) => store.clear()).catch(() => {});
  return files;
}
