/* The service worker: the page and its files come from the device when there is no connection. Answers of the API
   are never kept here: the application keeps the last balance itself, and says how old it is. */

const CACHE = `camellia-${self.VERSION}`;
const FILES = /^\/pages\//;

self.addEventListener("install", (event) => {
  event.waitUntil(self.skipWaiting());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE && name.startsWith("camellia-")).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("message", (event) => {
  // What the page had loaded before this worker was there.
  if (Array.isArray(event.data?.keep)) event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(event.data.keep)));
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  if (FILES.test(address.pathname)) event.respondWith(keptFirst(event.request));
  else if (event.request.mode === "navigate") event.respondWith(freshFirst(event.request));
});

async function keptFirst(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request.url, answer.clone());
  return answer;
}

async function freshFirst(request) {
  const cache = await caches.open(CACHE);
  const place = request.url.split("#")[0].split("?")[0];
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(place, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(place);
    if (kept) return kept;
    throw error;
  }
}
