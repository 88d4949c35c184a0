/** Words in the reader's language, from messages/<language>.json of the shared folder and of the application. */

import { page } from "./page.js";

let messages = {};

/** Load the words; nothing is shown before. */
export async function loadMessages() {
  const parts = await Promise.all(["shared", page.app].map(load));
  messages = Object.assign({}, ...parts);
}

async function load(part) {
  const answer = await fetch(`${page.root}/${part}/messages/${page.language}.json`);
  return answer.json();
}

/** The words of a key, with {names} filled in. A test sees to it that every key has words in every language. */
export function t(key, values = {}) {
  const words = messages[key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Whether there are words for a key that came from elsewhere: a reason, a state. */
export function has(key) {
  return key in messages;
}

/** Go on in another language: the choice is kept in a cookie, because the gateway writes the page. */
export function choose(language) {
  const kept = ["path=/", "max-age=31536000", "samesite=strict", location.protocol === "https:" ? "secure" : ""];
  document.cookie = `camellia-language=${language}; ${kept.filter(Boolean).join("; ")}`;
  location.reload();
}

/** The name of what has both: {ko, en}. */
export function named(both) {
  return both[page.language] ?? both.ko;
}
