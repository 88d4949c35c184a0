/** One balance, and everything one tap away. */

import { get, Problem } from "../shared/api.js";
import { kept, keepWithSession } from "../shared/device.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime, won } from "../shared/money.js";
import { page } from "../shared/page.js";
import { link, onLeave } from "../shared/router.js";
import { facts, icon, linkButton } from "../shared/ui.js";

const LOOK_AGAIN = 2000;
const REFRESH = 15_000;

export async function home() {
  const place = h("div", { class: "stack" });
  let timer = null;
  let left = false;
  onLeave(() => {
    left = true;
    clearTimeout(timer);
  });
  const look = async () => {
    const found = await current();
    if (left) return;
    fill(place, found.state === "registering" ? registering() : balance(found));
    const soon = found.state === "registering" || found.balance.held_won;
    timer = setTimeout(() => look().catch(() => {}), soon ? LOOK_AGAIN : REFRESH);
  };
  await look();
  return [h("h1", { class: "out" }, t("home.title")), h("p", { class: "quiet" }, page.brand), place, ways()];
}

/** {state, balance, at, old}: what is known now; without a connection what was known last. */
async function current() {
  try {
    const { state } = await get("/me");
    if (state === "registering") return { state };
    const found = { state, balance: await get("/me/balance"), at: new Date().toISOString() };
    keepWithSession("balance", found);
    return found;
  } catch (problem) {
    const last = kept("balance");
    if (problem instanceof Problem && problem.reason === "OFFLINE" && last) return { ...last, old: true };
    throw problem;
  }
}

function registering() {
  return h("div", { class: "card strong", role: "status" }, h("p", {}, t("home.registering")), h("p", { class: "quiet" }, t("home.registering_hint")));
}

function balance({ state, balance: found, at, old }) {
  const city = found.city.reduce((sum, part) => sum + part.amount_won, 0);
  return [
    state === "frozen" ? h("p", { class: "warning" }, icon("notice"), h("span", {}, t("reason.CITIZEN_FROZEN"))) : null,
    link(
      "money",
      { class: "card strong row-link", "aria-label": t("home.see_money", { sum: won(found.available_won) }) },
      h("span", { class: "quiet" }, t("home.available")),
      h("span", { class: "sum", "data-testid": "balance" }, won(found.available_won)),
      facts(
        [t("money.own"), won(found.own_won)],
        [t("money.city"), won(city)],
        [t("money.cashback"), won(found.cashback_won)],
        found.held_won ? [t("money.held"), won(-found.held_won)] : null,
      ),
      old ? h("span", { class: "quiet" }, t("home.as_of", { when: dayAndTime(at) })) : null,
    ),
    h("div", { class: "pair" }, linkButton(t("home.pay"), "pay"), linkButton(t("home.charge"), "charge", "plain")),
  ];
}

function ways() {
  const tile = (to, picture, label) => link(to, { class: "tile" }, icon(picture), h("span", {}, label));
  return h(
    "nav",
    { class: "tiles", "aria-label": t("home.ways") },
    tile("show", "show", t("home.show")),
    tile("places", "place", t("home.places")),
    tile("why", "why", t("home.why")),
  );
}


