/** Taking a payment: an amount, a code, and "paid" as soon as the chain has said so. */

import { get, listen, post } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { atTime, kstDay, won, wonIn } from "../shared/money.js";
import { link, onLeave } from "../shared/router.js";
import { qrPicture } from "../shared/qr.js";
import { button, form, head, icon, linkButton, list, wonField } from "../shared/ui.js";
import { chime, wake } from "./chime.js";

const SHOWN = 8;

export async function till() {
  const [shop, sales, latest] = await Promise.all([get("/merchant"), get("/merchant/sales", { days: 1 }), get("/payments", { limit: SHOWN })]);
  if (shop.state !== "active") return waiting(shop);
  const counter = h("div", { class: "stack" });
  const log = h("div", { class: "stack", "aria-live": "polite" });
  const state = { order: null, sales: today(sales), payments: latest.payments };
  const draw = () => fill(log, day(state));
  const line = h("p", { class: "tag" }, t("till.connecting"));
  ask(counter, state);
  draw();
  const end = listen("/merchant/events", (event) => heard(event, state, counter, draw), (up) => {
    line.textContent = t(up ? "till.live" : "till.connecting");
    line.className = up ? "tag good" : "tag bad";
  });
  onLeave(end);
  return [head(shop.name), h("p", {}, line), h("div", { class: "columns" }, counter, log)];
}

function waiting(shop) {
  return [head(shop.name), h("p", { class: "note" }, t(`shop.${shop.state}`)), shop.decision ? h("p", {}, shop.decision) : null];
}

function ask(counter, state) {
  state.order = null;
  fill(
    counter,
    form(
      async ({ amount }) => {
        wake(); // browsers let a page be heard once somebody has pressed something in it
        const order = await post("/merchant/orders", { amount_won: wonIn(amount) ?? 0 });
        await showing(counter, state, order);
      },
      t("till.show"),
      wonField(t("till.amount"), { name: "amount", required: true }),
    ),
    linkButton(t("till.scan"), "scan", "plain"),
  );
}

async function showing(counter, state, order) {
  state.order = order;
  fill(
    counter,
    h("p", { class: "sum middle" }, won(order.amount_won)),
    await qrPicture(order.qr, t("till.picture", { sum: won(order.amount_won) })),
    h("p", { class: "middle", role: "status" }, t("till.waiting")),
    h("p", { class: "hint middle" }, t("till.until", { when: atTime(order.expires_at) })),
    button(t("till.cancel"), () => ask(counter, state), { kind: "plain" }),
  );
}

async function heard(event, state, counter, draw) {
  if (event.type !== "payment.confirmed" && event.type !== "payment.refunded") return;
  const payment = await get(`/payments/${event.data.data.payment}`);
  const known = state.payments.findIndex((one) => one.payment === payment.payment);
  if (known >= 0) state.payments[known] = payment;
  else state.payments.unshift(payment);
  if (event.type === "payment.confirmed" && known < 0) {
    state.sales.payments += 1;
    state.sales.sales_won += payment.amount_won;
    chime();
    // Paid is only what names this very order: another's payment of the same sum is not it.
    if (state.order && event.data.data.order === state.order.reference) done(counter, state, payment);
  }
  draw();
}

function done(counter, state, payment) {
  state.order = null;
  fill(
    counter,
    h("div", { class: "done", "aria-hidden": "true" }, icon("done")),
    h("p", { class: "middle", role: "alert" }, h("strong", {}, t("till.paid"))),
    h("p", { class: "sum middle" }, won(payment.amount_won)),
    h("p", { class: "hint middle" }, t("till.code", { code: payment.payment.slice(-4) })),
    button(t("till.next"), () => ask(counter, state)),
  );
}

function today(sales) {
  return sales.days.find((one) => one.day === kstDay()) ?? sales.days[0] ?? { payments: 0, sales_won: 0, refunded_won: 0 };
}

function day({ sales, payments }) {
  return [
    h("section", { class: "card" }, h("h2", {}, t("till.today")), h("p", { class: "sum", "data-testid": "today" }, won(sales.sales_won)), h("p", { class: "quiet" }, t("till.count", { count: sales.payments }))),
    h("section", {}, h("h2", {}, t("till.latest")), list(payments.slice(0, SHOWN).map(row), t("till.none"))),
  ];
}

/** A sale in a list. */
export function row(payment) {
  const back = payment.refunded_won ? ` · ${t("sales.back", { sum: won(payment.refunded_won) })}` : "";
  return link(
    `sale/${payment.payment}`,
    { class: "row" },
    h("span", {}, t(`kind.${payment.kind}`), h("span", { class: "under" }, `${atTime(payment.decided_at ?? payment.received_at)} · ${t(`state.${payment.state}`)}${back}`)),
    h("span", { class: payment.state === "rejected" ? "amount quiet" : "amount" }, won(payment.amount_won)),
  );
}
