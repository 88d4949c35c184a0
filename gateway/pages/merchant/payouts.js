/** What reaches the bank: the next payout as it stands, and those before with the bank's word. */

import { get } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { kstDay, onWeekday, won } from "../shared/money.js";
import { button, csv, download, facts, head, table } from "../shared/ui.js";

const day = (date) => onWeekday(`${date}T12:00:00+09:00`);

export async function payouts() {
  const [next, past] = await Promise.all([get("/merchant/next-payout"), get("/merchant/payouts")]);
  const columns = [[t("payout.on"), ""], [t("payout.amount"), "number"], [t("payout.state"), ""], [t("payout.reference"), ""]];
  const rows = past.payouts.map((one) => [day(one.execution_on), won(one.amount_won), t(`payout.${one.state}`), one.reference]);
  return [
    head(t("payouts.title")),
    h(
      "section",
      { class: "card strong narrow" },
      h("h2", {}, t("payouts.next")),
      h("p", { class: "sum" }, won(next.amount_won)),
      facts(
        [t("payout.on"), day(next.execution_on)],
        [t("payouts.sold"), won(next.balance_won)],
        next.owed_won ? [t("payouts.owed"), won(-next.owed_won)] : null,
        [t("payouts.account"), next.account_tail],
      ),
      h("p", { class: "hint" }, t("payouts.next_hint")),
    ),
    h(
      "section",
      { class: "stack" },
      h("h2", {}, t("payouts.past")),
      rows.length ? table(t("payouts.past"), columns, rows) : h("p", { class: "empty" }, t("payouts.none")),
      rows.length ? button(t("sales.csv"), () => save(past.payouts), { kind: "plain" }) : null,
    ),
  ];
}

function save(rows) {
  const names = ["execution_on", "amount_won", "state", "reference", "bank_reason", "cycle"];
  download(`payouts-${kstDay()}.csv`, "text/csv;charset=utf-8", csv([names, ...rows.map((one) => names.map((name) => one[name]))]));
}
