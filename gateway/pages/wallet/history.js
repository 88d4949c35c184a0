/** Every payment, and one of them with its proof. */

import { get } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime, won } from "../shared/money.js";
import { link } from "../shared/router.js";
import { busy, button, download, facts, head, list } from "../shared/ui.js";
import { parts } from "./receipt.js";

export async function history() {
  const place = h("ul", { class: "list" });
  const told = h("div", { class: "told", role: "alert" });
  const first = await get("/payments");
  if (!first.payments.length) return [head(t("history.title")), list([], t("history.none"))];
  const more = h("div", {});
  const add = (page) => {
    place.append(...page.payments.map((payment) => h("li", {}, row(payment))));
    const next = button(t("history.more"), () => busy(next, told, async () => add(await get("/payments", { cursor: page.next_cursor }))), { kind: "plain" });
    fill(more, page.next_cursor ? next : null);
  };
  add(first);
  return [head(t("history.title")), place, told, more];
}

function row(payment) {
  const rejected = payment.state === "rejected";
  return link(
    `payment/${payment.payment}`,
    { class: "row" },
    h("span", {}, payment.merchant_name ?? t("history.shop", { number: payment.merchant }), h("span", { class: "under" }, `${dayAndTime(payment.received_at)} · ${t(`state.${payment.state}`)}`)),
    h("span", { class: rejected ? "amount quiet" : "amount" }, rejected ? h("s", {}, won(payment.amount_won)) : won(payment.amount_won)),
  );
}

/** One payment. */
export async function payment(id) {
  const found = await get(`/payments/${id}`);
  const rejected = found.state === "rejected";
  const refunds = rejected ? [] : (await get(`/payments/${id}/refunds`)).refunds;
  return [
    head(found.merchant_name ?? t("history.shop", { number: found.merchant }), "history"),
    h("p", { class: "sum" }, won(found.amount_won)),
    h("p", {}, h("span", { class: rejected ? "tag bad" : "tag good" }, t(`state.${found.state}`))),
    rejected ? h("p", { class: "note" }, t(`reason.${found.reason}`)) : null,
    parts(found),
    refunds.length
      ? h("section", {}, h("h2", {}, t("history.refunds")), list(refunds.map((one) => h("div", { class: "row" }, h("span", {}, dayAndTime(one.requested_at), h("span", { class: "under" }, t(`refund.${one.state}`))), h("span", { class: "amount" }, won(one.amount_won)))), ""))
      : null,
    rejected || found.state === "held" ? null : await proof(id),
  ];
}

/** The record on chain and its proof: anybody can check it without asking us. */
async function proof(id) {
  const receipt = await get(`/payments/${id}/receipt`);
  return h(
    "section",
    { class: "stack" },
    h("h2", {}, t("history.proof")),
    h("p", { class: "hint" }, t("history.proof_hint")),
    facts([t("history.batch"), String(receipt.batch)], [t("history.place"), String(receipt.index + 1)]),
    button(t("history.save"), () => download(`receipt-${id}.json`, "application/json", JSON.stringify(receipt, null, 2)), { kind: "plain" }),
  );
}


