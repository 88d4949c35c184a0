/** Sales by day, one by one, and giving one back. */

import { get, newKey, post } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime, kstDay, onWeekday, won, wonIn } from "../shared/money.js";
import { busy, button, csv, download, facts, form, head, list, say, table, wonField } from "../shared/ui.js";
import { row } from "./till.js";

const DAYS = 31;
const LOOK_AGAIN = 1000;

export async function sales() {
  const [byDay, first] = await Promise.all([get("/merchant/sales", { days: DAYS }), get("/payments")]);
  const columns = [[t("sales.day"), ""], [t("sales.count"), "number"], [t("sales.sold"), "number"], [t("sales.given_back"), "number"]];
  const rows = byDay.days.map((one) => [onWeekday(`${one.day}T12:00:00+09:00`), String(one.payments), won(one.sales_won), won(one.refunded_won)]);
  return [
    head(t("sales.title")),
    h(
      "div",
      { class: "columns" },
      h(
        "section",
        { class: "stack" },
        h("h2", {}, t("sales.by_day")),
        rows.length ? table(t("sales.by_day"), columns, rows) : h("p", { class: "empty" }, t("till.none")),
        rows.length ? button(t("sales.csv"), () => save(byDay.days), { kind: "plain" }) : null,
      ),
      h("section", {}, h("h2", {}, t("sales.one_by_one")), await pages(first)),
    ),
  ];
}

async function pages(first) {
  if (!first.payments.length) return list([], t("till.none"));
  const place = h("ul", { class: "list" });
  const told = h("div", { class: "told", role: "alert" });
  const more = h("div", {});
  const add = (page) => {
    place.append(...page.payments.map((payment) => h("li", {}, row(payment))));
    const next = button(t("sales.more"), () => busy(next, told, async () => add(await get("/payments", { cursor: page.next_cursor }))), { kind: "plain" });
    fill(more, page.next_cursor ? next : null);
  };
  add(first);
  return [place, told, more];
}

function save(days) {
  const head = ["day", "payments", "sales_won", "refunded_won"];
  download(`sales-${kstDay()}.csv`, "text/csv;charset=utf-8", csv([head, ...days.map((one) => head.map((name) => one[name]))]));
}

/** One sale: what it is part of, and a refund of what is left. */
export async function sale(id) {
  const place = h("div", { class: "stack narrow" });
  await look(place, id);
  return place;
}

async function look(place, id) {
  const [found, { refunds }] = await Promise.all([get(`/payments/${id}`), get(`/payments/${id}/refunds`)]);
  const left = found.amount_won - found.refunded_won;
  fill(
    place,
    head(t("sale.title"), "sales"),
    h("p", { class: "sum" }, won(found.amount_won)),
    h("p", {}, h("span", { class: found.state === "rejected" ? "tag bad" : "tag good" }, t(`state.${found.state}`))),
    facts([t("sale.kind"), t(`kind.${found.kind}`)], [t("sale.when"), dayAndTime(found.decided_at ?? found.received_at)], [t("sale.left"), won(left)], [t("sale.code"), found.payment.slice(-4)]),
    found.payout ? payout(found.payout) : null,
    refunds.length
      ? h("section", {}, h("h2", {}, t("sale.refunds")), list(refunds.map((one) => h("div", { class: "row" }, h("span", {}, dayAndTime(one.requested_at), h("span", { class: "under" }, t(`refund.${one.state}`))), h("span", { class: "amount" }, won(one.amount_won)))), ""))
      : null,
    ["confirmed", "settled", "partly_refunded"].includes(found.state) && left ? refundForm(place, id, left) : null,
  );
}

function payout(one) {
  return h(
    "section",
    {},
    h("h2", {}, t("sale.payout")),
    facts([t("payout.state"), t(`payout.${one.state}`)], [t("payout.on"), one.execution_on], [t("payout.reference"), one.reference], one.bank_reference ? [t("payout.bank_reference"), one.bank_reference] : null),
  );
}

function refundForm(place, id, left) {
  const key = newKey(); // pressed twice, it is one refund
  return h(
    "section",
    {},
    h("h2", {}, t("sale.refund")),
    form(
      async ({ amount }) => {
        const sum = wonIn(amount);
        let refund = sum === left ? await post(`/payments/${id}/cancel`, null, key) : await post(`/payments/${id}/refunds`, { amount_won: sum ?? 0 }, key);
        while (["held", "submitted"].includes(refund.state)) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
          refund = (await get(`/payments/${id}/refunds`)).refunds.find((one) => one.refund === refund.refund);
        }
        say(t("sale.given_back", { sum: won(refund.amount_won) }));
        await look(place, id);
      },
      t("sale.give_back"),
      wonField(t("sale.how_much"), { name: "amount", required: true, value: won(left).slice(1) }, t("sale.refund_hint")),
    ),
  );
}
