/** The pieces that screens are made of. */

import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { choose, t } from "./i18n.js";
import { grouping, wonIn } from "./money.js";
import { page } from "./page.js";
import { go, link } from "./router.js";

let serial = 0;
const LARGE = "camellia.large";

/** The head of a screen: where one is, and the way back. */
export function head(title, back = null) {
  const way = back === null ? null : link(back, { class: "back", "aria-label": t("back") }, icon("back"));
  return h("header", { class: "head" }, way, h("h1", {}, title));
}

/** A button. `kind`: primary, plain or quiet. */
export function button(label, act, { kind = "primary", ...rest } = {}) {
  return h("button", { type: "button", class: kind, onclick: act, ...rest }, label);
}

/** A link that looks like a button. */
export function linkButton(label, to, kind = "primary") {
  return link(to, { class: `button ${kind}` }, label);
}

/** A form: `act` is called with its values when it is sent; while it works it cannot be sent again, and what goes
 * wrong is said above the button. */
export function form(act, label, ...fields) {
  const told = h("div", { class: "told", role: "alert" });
  const send = h("button", { type: "submit", class: "primary" }, label);
  const made = h("form", { novalidate: true }, ...fields, told, send);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) return;
    fill(told);
    const empty = [...made.elements].find((input) => input.required && !input.value.trim());
    if (empty) {
      fill(told, warning(t("fill_in", { field: empty.closest(".field").querySelector("label").textContent })));
      empty.focus();
      return;
    }
    await busy(send, told, () => act(Object.fromEntries(new FormData(made)), made));
  });
  return made;
}

/** Run something that a button began: the button waits, and a problem is said in `told`. */
export async function busy(send, told, act) {
  send.disabled = true;
  send.setAttribute("aria-busy", "true");
  try {
    return await act();
  } catch (problem) {
    fill(told, problemBox(problem));
    return undefined;
  } finally {
    send.disabled = false;
    send.removeAttribute("aria-busy");
  }
}

/** A labelled input. `properties.name` is its name in the form's values. */
export function field(label, properties, hint = null) {
  serial += 1;
  const id = `field-${serial}`;
  const says = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  const tag = properties.options ? "select" : "input";
  const { options, ...rest } = properties;
  const input = h(tag, { id, autocomplete: "off", "aria-describedby": says?.id, ...rest });
  if (options) input.append(...options.map(([value, text]) => h("option", { value }, text)));
  return h("div", { class: "field" }, h("label", { for: id }, label), input, says);
}

/** An input of won that groups digits while one types. */
export function wonField(label, properties, hint = null) {
  const made = field(label, { inputmode: "numeric", class: "won", placeholder: "0", ...properties }, hint);
  const input = made.querySelector("input");
  input.addEventListener("input", () => {
    const amount = wonIn(input.value);
    input.value = amount === null ? "" : grouping(Math.min(amount, 9_999_999_999));
  });
  return made;
}

/** An input of the six digits of a PIN; `full` is called as soon as they are there. */
export function pinField(label, full = null, properties = {}) {
  const made = field(label, {
    type: "password", inputmode: "numeric", pattern: "[0-9]*", maxlength: 6, class: "pin", required: true, name: "pin", ...properties,
  });
  const input = made.querySelector("input");
  input.addEventListener("input", () => {
    input.value = input.value.replace(/[^0-9]/g, "");
    if (full && input.value.length === 6) full(input.value, input);
  });
  return made;
}

/** What went wrong and what to do next. */
export function problemBox(problem) {
  if (!(problem instanceof Problem)) console.error(problem);
  return warning(problem instanceof Problem ? problem.words : t("reason.INTERNAL"));
}

export function warning(text) {
  return h("p", { class: "warning" }, icon("notice"), h("span", {}, text));
}

/** A screen for what could not be shown. */
export function failure(problem) {
  return [head(t("could_not_show")), problemBox(problem), button(t("try_again"), () => dispatchEvent(new HashChangeEvent("hashchange")))];
}

export function loading() {
  return h("p", { class: "loading", role: "status" }, t("loading"));
}

/** Rows of name and value. */
export function facts(...rows) {
  return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A list, or the words for an empty one. */
export function list(items, empty) {
  return items.length ? h("ul", { class: "list" }, items.map((item) => h("li", {}, item))) : h("p", { class: "empty" }, empty);
}

/** A table that can be scrolled sideways and never makes the page wider. */
export function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) => h("td", { class: columns[at][1] }, cell))))),
    ),
  );
}

/** Say something once, to eyes and ears, without taking the place of anything. */
export function say(text) {
  const place = document.querySelector(".toasts") ?? document.body.appendChild(h("div", { class: "toasts", role: "status" }));
  const said = h("p", {}, text);
  place.append(said);
  setTimeout(() => said.remove(), 5000);
}

/** The screens that are always one tap away. `items`: [route, icon, label]. */
export function navigation(items, here) {
  return h(
    "nav",
    { class: "tabs", "aria-label": t("navigation") },
    items.map(([to, picture, label]) =>
      link(to, { "aria-current": to === here ? "page" : null, class: to === here ? "here" : null }, icon(picture), h("span", {}, label)),
    ),
  );
}

/** Language, and large text with high contrast. */
export function settings() {
  const names = { ko: "한국어", en: "English" };
  const large = h("input", { type: "checkbox", role: "switch", id: "large", checked: isLarge(), onchange: () => setLarge(large.checked) });
  return [
    h("section", {}, h("h2", {}, t("language")), h("div", { class: "choice" },
      page.languages.map((code) =>
        button(names[code], () => choose(code), { kind: code === page.language ? "primary" : "plain", lang: code, "aria-pressed": String(code === page.language) }),
      ))),
    h("section", {}, h("h2", {}, t("reading")), h("div", { class: "switch" }, large, h("label", { for: "large" }, t("large_text"))), h("p", { class: "hint" }, t("large_text_hint"))),
  ];
}

export function isLarge() {
  return localStorage.getItem(LARGE) === "1";
}

export function setLarge(on) {
  localStorage.setItem(LARGE, on ? "1" : "0");
  document.documentElement.classList.toggle("large", on);
}

/** Give the person a file. */
export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const way = h("a", { href: address, download: name });
  document.body.append(way);
  way.click();
  way.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Rows as CSV that a spreadsheet opens: Korean in UTF-8 with its mark, and no cell that a program would run. */
export function csv(rows) {
  const cell = (value) => {
    const text = String(value ?? "");
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[0-9.]+$/.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

const PATHS = {
  back: "M15 5l-7 7 7 7", home: "M4 11l8-7 8 7v9h-5v-6H9v6H4z", scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16",
  show: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM14 18h2M18 14h2", history: "M12 7v5l3 2M4 12a8 8 0 1 0 3-6M4 4v4h4",
  more: "M5 11v2M4 12h2M12 11v2M11 12h2M19 11v2M18 12h2", notice: "M12 8v5M12 16h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", done: "M5 13l4 4L19 7",
  charge: "M12 5v14M5 12h14", place: "M12 21s7-6 7-11a7 7 0 0 0-14 0c0 5 7 11 7 11zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z", why: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3M12 18v3M3 12h3M18 12h3M6 6l2 2M16 16l2 2M18 6l-2 2M8 16l-2 2", shop: "M4 10h16v10H4zM4 10l2-6h12l2 6M10 20v-6h4v6", chart: "M5 20V10M12 20V4M19 20v-7", bank: "M4 10l8-6 8 6M5 10v8M10 10v8M14 10v8M19 10v8M3 20h18",
};

/** A picture that says nothing to whoever cannot see it: its button or link has words. */
export function icon(name) {
  return h("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, h("path", { d: PATHS[name] }));
}

export { go, link };
