/** A payment as its payer sees it. */

import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime, won } from "../shared/money.js";
import { facts, icon, linkButton } from "../shared/ui.js";

/** "Paid", to whom, with what, what came back. */
export function receiptOf(payment) {
  return [
    h("div", { class: "done", "aria-hidden": "true" }, icon("done")),
    h("h1", { class: "middle", role: "status" }, t("pay.done")),
    h("p", { class: "sum middle" }, won(payment.amount_won)),
    h("p", { class: "middle" }, payment.merchant_name),
    parts(payment),
    linkButton(t("pay.receipt"), `payment/${payment.payment}`, "plain"),
  ];
}

/** What a payment was made of. */
export function parts(payment) {
  const city = (payment.city ?? []).reduce((sum, part) => sum + part.amount_won, 0);
  return facts(
    city ? [t("money.city"), won(city)] : null,
    payment.cashback_spent_won ? [t("money.cashback"), won(payment.cashback_spent_won)] : null,
    payment.own_won !== null ? [t("money.own"), won(payment.own_won)] : null,
    payment.cashback_earned_won ? [t("pay.earned"), h("span", { class: "good" }, `+${won(payment.cashback_earned_won)}`)] : null,
    payment.refunded_won ? [t("pay.refunded"), won(payment.refunded_won)] : null,
    [t("pay.when"), dayAndTime(payment.decided_at ?? payment.received_at)],
  );
}
