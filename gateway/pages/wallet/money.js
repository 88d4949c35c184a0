/** What the balance is made of, with every rule that goes with it; and how it grows. */

import { get } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { dayAndTime, justBefore, onDay, won } from "../shared/money.js";
import { facts, head, list, linkButton, say, button, table } from "../shared/ui.js";

/** City money by programme, cashback, own money by charge. */
export async function money() {
  const [found, mine, cashback, lots, city] = await Promise.all(
    ["/me/balance", "/me/programmes", "/me/cashback", "/me/lots", ""].map((path) => get(path)),
  );
  return [
    head(t("money.title"), ""),
    h("p", {}, h("span", { class: "sum" }, won(found.available_won))),
    h("p", { class: "note" }, t("money.order")),
    h("section", {}, h("h2", {}, t("money.city")), list(mine.programmes.map((one) => programme(one, city)), t("money.no_city"))),
    h("section", {}, h("h2", {}, t("money.cashback")), cashbackPart(cashback)),
    h("section", {}, h("h2", {}, t("money.own")), list(lots.lots.filter((lot) => lot.left_won).map(lotPart), t("money.no_own"))),
    linkButton(t("money.where"), "places", "plain"),
  ];
}

function programme(one, city) {
  const districts = one.districts && city.districts.filter((d) => one.districts.includes(d.number)).map(named);
  return h(
    "div",
    { class: "stack part" },
    h("div", { class: "row" }, h("strong", {}, one.label || t("money.programme", { number: one.programme })), h("span", { class: "amount" }, won(one.amount_won))),
    facts(
      [t("money.until"), dayAndTime(justBefore(one.expires_at))],
      [t("money.districts"), districts ? districts.join(", ") : t("money.everywhere")],
      [t("money.trades"), one.categories ? one.categories.map(named).join(", ") : t("money.all_trades")],
      [t("money.shops"), one.bands ? one.bands.map((band) => t(`band.${band}`)).join(", ") : t("money.all_shops")],
    ),
  );
}

function cashbackPart({ credit_won: credit, campaign }) {
  if (!campaign) return [facts([t("money.credit"), won(credit)]), h("p", { class: "hint" }, t("money.no_campaign"))];
  const left = Math.max(0, campaign.month_cap_won - campaign.month_counted_won);
  return [
    facts(
      [t("money.credit"), won(credit)],
      [t("money.month_left"), `${won(left)} / ${won(campaign.month_cap_won)}`],
      [t("money.budget"), won(campaign.budget_left_won)],
      [t("money.campaign_until"), onDay(justBefore(campaign.ends_at))],
    ),
    table(t("money.rates"), [[t("money.shops"), ""], [t("money.rate"), "number"]], campaign.rates_bps.map((rate, band) => [t(`band.${band}`), `${rate / 100}%`])),
  ];
}

function lotPart(lot) {
  return h(
    "div",
    { class: "stack part" },
    h("div", { class: "row" }, h("span", {}, onDay(lot.charged_at), h("span", { class: "under" }, t(lot.bought ? "money.bought" : "money.gift"))), h("span", { class: "amount" }, won(lot.left_won))),
    facts(
      [t("money.came"), won(lot.amount_won)],
      [t("money.used"), won(lot.used_won)],
      [t("money.until"), onDay(justBefore(lot.expires_at))],
    ),
    h("p", { class: "hint" }, lot.refund.detail),
  );
}

/** How to charge, what this month still allows, and what became of earlier transfers. */
export async function charge() {
  const [told, past] = await Promise.all([get("/me/charging"), get("/me/deposits")]);
  return [
    head(t("charge.title"), ""),
    h("p", {}, t("charge.how")),
    h(
      "div",
      { class: "card strong" },
      facts(
        [t("charge.bank"), t(`bank.${told.bank_code}`)],
        [t("charge.account"), told.account_number],
        [t("charge.holder"), told.account_holder],
        [t("charge.text"), told.remittance_text],
      ),
      h(
        "div",
        { class: "pair" },
        button(t("charge.copy_account"), () => copy(told.account_number), { kind: "plain" }),
        button(t("charge.copy_text"), () => copy(told.remittance_text), { kind: "plain" }),
      ),
    ),
    h("p", { class: "note" }, t("charge.month", { left: won(told.month_left_won) })),
    h(
      "section",
      {},
      h("h2", {}, t("charge.past")),
      list(
        past.deposits.map((one) =>
          h("div", { class: "row" }, h("span", {}, dayAndTime(one.booked_at), h("span", { class: "under" }, t(`deposit.${one.state}`))), h("span", { class: "amount" }, won(one.amount_won))),
        ),
        t("charge.none"),
      ),
    ),
  ];
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  say(t("charge.copied", { text }));
}
