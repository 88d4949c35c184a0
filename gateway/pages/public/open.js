/** Supply against reserve, programmes, rules. */

import { get } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { figureTable, noon, read, saveButton, section } from "../shared/figure.js";
import { named, t } from "../shared/i18n.js";
import { dayAndTime, onDay, won } from "../shared/money.js";
import { page } from "../shared/page.js";
import { facts, head, list, warning } from "../shared/ui.js";

/** Is every won backed? */
export async function circulation() {
  const [figure, reserve, { overDays }] = await Promise.all([read("circulation"), read("reserve"), import("../shared/chart.js")]);
  const now = figure.rows.at(-1);
  const proof = reserve.rows.at(-1);
  const column = (from, name) => from.rows.map((row) => row[name]);
  return [
    h("p", { class: "quiet" }, page.brand),
    head(t("circulation.title")),
    h("section", { class: "card strong" }, h("p", { class: "quiet" }, t("circulation.now")), h("p", { class: "sum", "data-testid": "circulation" }, now ? won(now.circulation_won) : "–"), figure.made_at ? h("p", { class: "hint" }, dayAndTime(figure.made_at)) : null),
    proof ? proved(proof) : h("p", { class: "note" }, t("circulation.no_proof")),
    h("p", {}, t("circulation.why")),
    section(t("circulation.days"), figure, overDays(t("circulation.days"), column(figure, "day"), [{ label: t("column.circulation_won"), values: column(figure, "circulation_won"), kind: "line" }])),
    section(t("circulation.reserve_days"), reserve, overDays(t("circulation.reserve_days"), column(reserve, "day"), [
      { label: t("column.in_accounts_won"), values: column(reserve, "in_accounts_won"), kind: "line" },
      { label: t("column.supply_won"), values: column(reserve, "supply_won"), kind: "line" },
    ])),
    h("p", {}, h("a", { href: `/v1/${page.currency}/reserve/page` }, t("circulation.proofs"))),
  ];
}

function proved(proof) {
  const day = onDay(noon(proof.day));
  return h(
    "section",
    { class: "card" },
    proof.holds ? h("p", { class: "good" }, h("strong", {}, t("circulation.holds", { day }))) : warning(t("circulation.differs", { day })),
    facts(
      [t("column.in_accounts_won"), proof.in_accounts_won === null ? "–" : won(proof.in_accounts_won)],
      [t("column.supply_won"), proof.supply_won === null ? "–" : won(proof.supply_won)],
      [t("column.unissued_won"), proof.unissued_won === null ? "–" : won(proof.unissued_won)],
      [t("column.in_transit_won"), proof.in_transit_won === null ? "–" : won(proof.in_transit_won)],
      [t("column.interest_won"), proof.interest_won === null ? "–" : won(proof.interest_won)],
    ),
    h("p", { class: "hint" }, t(proof.anchored ? "circulation.anchored" : "circulation.not_anchored")),
  );
}

/** What the city gives, and what became of it. */
export async function programmes() {
  const figure = await read("programmes");
  const card = (row) =>
    h(
      "article",
      { class: "card" },
      h("div", { class: "row" }, h("h2", {}, row.name), h("span", { class: row.open ? "tag good" : "tag" }, t(row.open ? "programmes.open" : "programmes.ended"))),
      h("meter", { min: 0, max: Math.max(1, row.granted_won), value: Math.max(0, row.spent_won), "aria-label": row.name }),
      facts(
        [t("programmes.window"), `${onDay(noon(row.first_day))} – ${onDay(noon(row.last_day))}`],
        [t("column.funded_won"), won(row.funded_won)],
        [t("column.granted_won"), won(row.granted_won)],
        [t("column.spent_won"), won(row.spent_won)],
        [t("column.unspent_won"), won(row.unspent_won)],
        [t("column.returned_won"), won(row.returned_won)],
      ),
    );
  return [
    head(t("programmes.title")),
    list(figure.rows.map(card), t("programmes.none")),
    figure.rows.length ? h("details", {}, h("summary", {}, t("figure.table")), figureTable(t("programmes.title"), figure)) : null,
    figure.rows.length ? h("div", { class: "choice" }, saveButton(figure)) : null,
  ].filter(Boolean);
}

/** The rules in force, in plain words. */
export async function rules() {
  const { rules: all } = await get("/rules");
  return [
    head(t("rules.title")),
    h("p", {}, t("rules.why")),
    list(all.map((one) => h("div", { class: "row" }, h("span", {}, named(one)), h("span", { class: "tag" }, one.number))), t("rules.none")),
  ];
}
