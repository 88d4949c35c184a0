/** The API's client: signed requests, and problems (RFC 9457) that know what to say. */

import { proof, session, setClock } from "./device.js";
import { has, t } from "./i18n.js";
import { API, page } from "./page.js";

const TRIES = 3;
const PATIENCE = 20_000;

/** What went wrong, and what to do next. `reason` is the API's, or OFFLINE when there was no answer. */
export class Problem extends Error {
  constructor(reason, body = {}, retryAfter = null) {
    super(reason);
    this.reason = reason;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** One or two sentences: what happened, and what to do now. */
  get words() {
    if (this.say) return this.say; // a screen knew better
    if (this.reason === "INVALID") {
      const told = this.body.errors?.map((fault) => `field.${fault.field.replace(/^body\./, "")}`).find(has);
      return told ? t(told) : this.body.errors?.length === 1 && this.isOurs ? this.body.detail : t("reason.INVALID");
    }
    const key = `reason.${this.reason}`;
    const values = {
      tries: this.body.tries_left ?? "",
      minutes: Math.max(1, Math.ceil((this.retryAfter ?? 60) / 60)),
      phone: page.support,
    };
    return has(key) ? t(key, values) : t("reason.INTERNAL", values);
  }

  /** Whether `detail` was written for people, in their language: a flow's own words, not a schema's. */
  get isOurs() {
    return this.body.errors?.[0]?.detail === this.body.detail && page.language === (/[가-힣]/.test(this.body.detail) ? "ko" : "en");
  }
}

/** Read something. */
export function get(path, query = {}) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined));
  return call("GET", path + (asked.size ? `?${asked}` : ""));
}

/**
 * Change something. `key` is the Idempotency-Key: make it with `newKey()` before the person confirms, and give the
 * same again when the same thing is tried again.
 */
export function post(path, body = null, key = null) {
  return call("POST", path, body, key);
}

export function remove(path) {
  return call("DELETE", path);
}

/** A new name for something that is to be done once. */
export function newKey() {
  return crypto.randomUUID();
}

async function call(method, path, body = null, key = null) {
  const text = body === null ? null : JSON.stringify(body);
  // What carries a key, or changes nothing, may be sent again when no answer came: it is done once.
  const tries = method === "GET" || key ? TRIES : 1;
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(method, path, text, key);
    } catch (problem) {
      const again = ["OFFLINE", "OVERLOADED", "UNAVAILABLE"].includes(problem.reason) && tried < tries && navigator.onLine;
      if (!again) throw problem;
      await new Promise((resolve) => setTimeout(resolve, (problem.retryAfter ?? tried) * 1000));
    }
  }
}

async function once(method, path, text, key) {
  let answer = await send(method, path, text, key);
  if (answer.status === 401 && setClock(answer.headers.get("date"))) answer = await send(method, path, text, key);
  const kind = answer.headers.get("content-type") ?? "";
  const told = kind.includes("json") ? await answer.json() : null;
  if (answer.ok) return told;
  if (answer.status === 401 && session()) dispatchEvent(new Event("signed-out"));
  throw new Problem(told?.reason ?? "INTERNAL", told ?? {}, Number(answer.headers.get("retry-after")) || null);
}

async function send(method, path, text, key, extra = {}, signal = AbortSignal.timeout(PATIENCE)) {
  const target = API + path;
  const headers = {
    "Accept-Language": page.language,
    "X-Camellia-App": page.role,
    "X-Device-Proof": await proof(method, target, text),
    ...extra,
  };
  if (text !== null) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (method !== "GET" && session()) headers["X-Csrf-Token"] = session().csrf;
  try {
    return await fetch(target, { method, headers, body: text, signal, cache: "no-store" });
  } catch {
    throw new Problem("OFFLINE");
  }
}

/**
 * Server-sent events, read by fetch because an EventSource can send no proof. Calls `told({id, type, data})` for each
 * and `state(true | false)` when the line is up or down; goes on behind the last one by itself. Returns a function
 * that ends it.
 */
export function listen(path, told, state = () => {}) {
  const ending = new AbortController();
  let last = null;
  (async () => {
    while (!ending.signal.aborted) {
      try {
        const extra = last === null ? {} : { "Last-Event-ID": last };
        const answer = await send("GET", path, null, null, extra, ending.signal);
        if (!answer.ok) throw new Problem("UNAVAILABLE");
        state(true);
        for await (const event of eventsOf(answer.body)) {
          if (event.id !== null) last = event.id;
          if (event.data) told({ ...event, data: JSON.parse(event.data) });
        }
      } catch {
        // The line broke: it is opened again below.
      }
      if (ending.signal.aborted) return;
      state(false);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  })();
  return () => ending.abort();
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    for (let end = waiting.indexOf("\n\n"); end >= 0; end = waiting.indexOf("\n\n")) {
      yield eventOf(waiting.slice(0, end));
      waiting = waiting.slice(end + 2);
    }
  }
}

function eventOf(block) {
  const event = { id: null, type: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w*):? ?(.*)$/.exec(line) ?? [];
    if (name === "id") event.id = value;
    else if (name === "event") event.type = value;
    else if (name === "data") event.data += value;
  }
  return event;
}
