/** Figures: read, shown as a chart and a table, and given away as a file. */

import { get } from "./api.js";
import { h } from "./dom.js";
import { named, t } from "./i18n.js";
import { grouping, onDay, won } from "./money.js";
import { page } from "./page.js";
import { button, csv, download, table } from "./ui.js";

/** A figure of the office, or (for anybody) a public one; `query`: since, until. */
export function read(figure, query = {}) {
  return get(`${page.role === "city" ? "/office" : ""}/figures/${figure}`, query);
}

/** Noon in Korea: a day is the same day wherever the reader is. */
export const noon = (day) => `${day}T12:00:00+09:00`;

/** A value as people read it. */
export function shown(value, kind) {
  if (value === null || value === undefined) return "–";
  if (kind === "won") return won(value);
  if (kind === "count") return grouping(value);
  if (kind === "day") return onDay(noon(value));
  if (kind === "flag") return t(value ? "yes" : "no");
  return String(value);
}

/** The rows as a table; `columns`: which, in which order (default all). */
export function figureTable(caption, figure, columns = figure.columns.map((one) => one.name)) {
  const kinds = Object.fromEntries(figure.columns.map((one) => [one.name, one.kind]));
  const right = (kind) => (kind === "won" || kind === "count" ? "number" : null);
  const head = columns.map((name) => [t(`column.${name}`), right(kinds[name])]);
  const cell = (row, name) => (name === "name_here" ? named(row) : shown(row[name], kinds[name]));
  return table(caption, head, figure.rows.map((row) => columns.map((name) => cell(row, name))));
}

/** A button that saves the figure as it was read. */
export function saveButton(figure) {
  const names = figure.columns.map((one) => one.name);
  const save = () =>
    download(
      `${page.currency}-${figure.figure}-${figure.since}-${figure.until}.csv`,
      "text/csv;charset=utf-8",
      csv([names, ...figure.rows.map((row) => names.map((name) => row[name]))]),
    );
  return button(t("figure.save"), save, { kind: "plain noprint", "data-figure": figure.figure });
}

/** A section of a figure: heading, picture, table behind a fold, file. */
export function section(title, figure, picture, columns) {
  if (!figure.rows.length) return h("section", {}, h("h2", {}, title), h("p", { class: "empty" }, t("figure.empty")));
  return h(
    "section",
    { class: "stack" },
    h("h2", {}, title),
    picture,
    h("details", {}, h("summary", {}, t("figure.table")), figureTable(title, figure, columns)),
    h("div", { class: "choice" }, saveButton(figure)),
  );
}

/** Bars, one a row: `of` gives {label, value, note}. Drawn by the browser's own meter, so that nothing is only a colour. */
export function bars(rows, of) {
  const made = rows.map(of);
  const most = Math.max(1, ...made.map((one) => one.value));
  return h(
    "ul",
    { class: "list bars" },
    made.map((one) =>
      h(
        "li",
        {},
        h("div", { class: "row" }, h("span", {}, one.label, one.note ? h("small", {}, one.note) : null), h("span", { class: "amount" }, one.told)),
        h("meter", { min: 0, max: one.of ?? most, value: Math.max(0, one.value), "aria-label": one.label }),
      ),
    ),
  );
}
