/** The key of this browser, which it made and cannot give away, and the signing-in that is bound to it (H-3). */

import { page } from "./page.js";

const DATABASE = "camellia";
const STORE = "device";
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const KEPT = `camellia.${page.currency}.${page.role}`;

let offset = 0; // seconds that the gateway's clock is ahead of ours
let pair = null;

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function request(store, mode, act) {
  return database().then(
    (open) =>
      new Promise((resolve, reject) => {
        const transaction = open.transaction(store, mode);
        const asked = act(transaction.objectStore(store));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onerror = () => reject(transaction.error);
      }),
  );
}

async function keys() {
  if (pair) return pair;
  pair = await request(STORE, "readonly", (store) => store.get(KEPT));
  if (!pair) {
    // Not extractable: scripts may use it and never read it.
    const made = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
    await request(STORE, "readwrite", (store) => store.put(made, KEPT));
    pair = made;
  }
  return pair;
}

/** The public key as the gateway takes it. */
export async function publicKey() {
  return base64url(await crypto.subtle.exportKey("raw", (await keys()).publicKey));
}

/** What X-Device-Proof says for a request. */
export async function proof(method, target, body) {
  const at = Math.floor(Date.now() / 1000) + offset;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body ?? ""));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const message = ["camellia device proof", method, target, at, session()?.csrf ?? "", hex].join("\n");
  const kind = { name: "ECDSA", hash: "SHA-256" };
  const made = await crypto.subtle.sign(kind, (await keys()).privateKey, new TextEncoder().encode(message));
  return `${at}.${base64url(made)}`;
}

/** Set our clock by an answer's Date; true when it was wrong by more than a proof may be. */
export function setClock(date) {
  const ahead = date ? Math.round((new Date(date) - Date.now()) / 1000) : 0;
  const wrong = Math.abs(ahead - offset) > 30;
  if (wrong) offset = ahead;
  return wrong;
}

/** The session of this browser: {subject, csrf, expires_at}, null when nobody is signed in. */
export function session() {
  return read(`${KEPT}.session`);
}

/** Keep what signing in told; the token itself is in a cookie that no script reads. */
export function begin(told) {
  keep(`${KEPT}.session`, told);
}

/** Forget the session and all that was kept with it. */
export function end() {
  for (const name of Object.keys(localStorage)) if (name.startsWith(`${KEPT}.`)) localStorage.removeItem(name);
}

/** Keep a value with the session: it goes when the session goes. */
export function keepWithSession(name, value) {
  keep(`${KEPT}.kept.${name}`, value);
}

/** What was kept, or null. */
export function kept(name) {
  return read(`${KEPT}.kept.${name}`);
}

function keep(name, value) {
  localStorage.setItem(name, JSON.stringify(value));
}

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function base64url(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
