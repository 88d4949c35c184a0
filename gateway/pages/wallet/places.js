/** Where can I spend it, and why not there? Answered by the rules that authorise payments. */

import { get } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { won, wonIn } from "../shared/money.js";
import { page } from "../shared/page.js";
import { link } from "../shared/router.js";
import { busy, button, facts, field, form, head, linkButton, list, problemBox, wonField } from "../shared/ui.js";

/** Shops that take some of my money, by district. */
export async function places() {
  const city = await get("");
  const names = new Map(city.districts.map((one) => [one.number, named(one)]));
  const found = h("div", { class: "stack" });
  const load = async (district) => {
    fill(found, h("p", { class: "loading", role: "status" }, t("loading")));
    try {
      await show(found, district, names);
    } catch (problem) {
      fill(found, problemBox(problem));
    }
  };
  const choice = field(t("places.district"), { name: "district", options: [["", t("places.all")], ...names] });
  const select = choice.querySelector("select");
  select.addEventListener("change", () => load(select.value || null));
  await load(null);
  return [head(t("places.title"), ""), h("p", {}, t("places.how")), choice, found];
}

async function show(into, district, names) {
  const shops = h("ul", { class: "list" });
  const told = h("div", { class: "told", role: "alert" });
  const more = h("div", {});
  let any = false;
  const add = async (after) => {
    let next = after;
    do {
      const part = await get("/me/where-can-i-spend", { district, after: next });
      shops.append(...part.places.map((place) => h("li", {}, shop(place, names))));
      any = any || part.places.length > 0;
      next = part.next_after;
      if (part.places.length) break;
    } while (next !== null);
    const way = button(t("history.more"), () => busy(way, told, () => add(next)), { kind: "plain" });
    fill(more, next === null ? null : way);
  };
  await add(0);
  fill(into, any ? [shops, told, more] : list([], t("places.none")));
}

function shop(place, names) {
  const name = page.language === "ko" ? place.name : place.name_en;
  return link(
    `why/${place.merchant}`,
    { class: "row" },
    h("span", {}, name, h("span", { class: "under" }, `${names.get(place.district) ?? ""} · ${t("places.number", { number: place.merchant })}`)),
    h("span", { class: "amount" }, won(place.usable_won), h("span", { class: "under" }, t("places.usable"))),
  );
}

/** What a payment there would come to now, and why. */
export function why(merchant = "", amount = "") {
  const answer = h("div", { class: "stack", role: "status" });
  const ask = async (shopNumber, sum) => fill(answer, answerOf(await get("/me/why-not", { merchant: shopNumber, amount_won: sum })));
  const asked = form(
    async (values) => ask(Number(values.merchant), wonIn(values.amount) ?? 0),
    t("why.ask"),
    field(t("why.merchant"), { name: "merchant", inputmode: "numeric", pattern: "[0-9]*", required: true, maxlength: 9, value: merchant }, t("why.merchant_hint")),
    wonField(t("pay.amount"), { name: "amount", required: true, value: amount && won(Number(amount)).slice(1) }),
  );
  if (merchant && amount) ask(merchant, amount).catch((problem) => fill(answer, problemBox(problem)));
  return [head(t("why.title"), ""), h("p", {}, t("why.how")), asked, answer];
}

function answerOf(found) {
  const city = found.city.reduce((sum, part) => sum + part.amount_won, 0);
  return [
    h("p", { class: found.would_be_paid ? "note good" : "warning" }, found.would_be_paid ? t("why.yes") : t(`reason.${found.reason}`)),
    facts(
      [t("places.usable"), won(found.usable_won)],
      city ? [t("money.city"), won(city)] : null,
      found.cashback_won ? [t("money.cashback"), won(found.cashback_won)] : null,
      found.own_won ? [t("money.own"), won(found.own_won)] : null,
    ),
    found.unusable.length
      ? h("section", {}, h("h2", {}, t("why.unusable")), list(found.unusable.map((part) =>
          h("div", { class: "row" }, h("span", {}, t("money.programme", { number: part.programme }), h("span", { class: "under" }, part.obstacles.map((one) => t(`obstacle.${one}`)).join(", "))), h("span", { class: "amount" }, won(part.amount_won)))), ""))
      : null,
    found.would_be_paid ? null : linkButton(t("money.where"), "places", "plain"),
  ];
}


