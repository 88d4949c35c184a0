/** What the office decides: shops, deposits, bank files, claims; and the trail of it. */

import { get, post } from "../shared/api.js";
import { kept } from "../shared/device.js";
import { fill, h } from "../shared/dom.js";
import { has, named, t } from "../shared/i18n.js";
import { dayAndTime, grouping, onDay, won } from "../shared/money.js";
import { page } from "../shared/page.js";
import { noon, read, saveButton } from "../shared/figure.js";
import { busy, button, facts, field, form, head, linkButton, list, say, table } from "../shared/ui.js";

const RANKS = ["viewer", "officer", "treasurer"];
const may = (role) => RANKS.indexOf(kept("role")) >= RANKS.indexOf(role);
let places = {};
const again = () => dispatchEvent(new HashChangeEvent("hashchange"));

/** Shops that wait for a decision. */
export async function merchants() {
  const [figure, { districts }] = await Promise.all([read("applications"), get("")]);
  places = Object.fromEntries(districts.map((one) => [one.number, named(one)]));
  const card = (row) =>
    h(
      "article",
      { class: "card request", "data-application": row.application },
      h("h2", {}, row.name),
      facts(
        [t("merchants.place"), places[row.district] ?? "–"],
        [t("merchants.trade"), row.mcc],
        [t("merchants.sales"), t(`band.${row.sales_band}`)],
        [t("merchants.applied"), onDay(noon(row.applied_on))],
        [t("merchants.due"), h("span", { class: row.days_waiting > 5 ? "bad" : null }, onDay(noon(row.due_on)))],
      ),
      may("officer") ? deciding(row) : null,
    );
  return [
    head(t("merchants.title")),
    h("p", {}, t("merchants.why")),
    list(figure.rows.map(card), t("merchants.none")),
    figure.rows.length ? h("div", { class: "choice" }, saveButton(figure)) : null,
    may("officer") ? linkButton(t("merchants.money"), "money", "plain") : null,
  ].filter(Boolean);
}

function deciding(row) {
  const place = h("div", { class: "stack" });
  const asking = () =>
    form(async ({ note }) => {
      await post("/office/requests", { kind: "approve_merchant", subject: row.application, note });
      say(t("requests.asked"));
      again();
    }, t("merchants.ask"), field(t("requests.note"), { name: "note", required: true, maxlength: 300 }));
  const refusing = () =>
    form(async ({ words }) => {
      await post(`/office/merchants/${row.application}/refusal`, { words });
      say(t("merchants.refused"));
      again();
    }, t("merchants.refuse"), field(t("merchants.words"), { name: "words", required: true, maxlength: 300 }, t("merchants.words_hint")));
  const open = (made) => {
    fill(place, made());
    place.querySelector("input").focus();
  };
  return [
    h("div", { class: "choice" }, button(t("merchants.approve"), () => open(asking)), button(t("merchants.refuse"), () => open(refusing), { kind: "plain" })),
    place,
  ];
}

/** What was asked for. */
export async function requests() {
  const [{ requests: all }, { districts }] = await Promise.all([get("/office/requests", { limit: 200 }), get("")]);
  places = Object.fromEntries(districts.map((one) => [one.number, named(one)]));
  const waiting = all.filter((one) => one.state === "waiting");
  const done = all.filter((one) => one.state !== "waiting");
  const me = (await get("/office/me")).login;
  return [
    head(t("requests.title")),
    h("p", {}, t("requests.why")),
    list(waiting.map((one) => request(one, me)), t("requests.none")),
    done.length
      ? h("details", {}, h("summary", {}, t("requests.decided", { count: grouping(done.length) })), list(done.map((one) => request(one, me)), t("requests.none")))
      : null,
  ].filter(Boolean);
}

function request(one, me) {
  const told = h("div", { class: "told", role: "alert" });
  const decide = (approve) => async (event) => {
    const words = place.querySelector("input")?.value.trim() || t(approve ? "requests.yes" : "requests.no");
    await busy(event.currentTarget, told, async () => {
      await post(`/office/requests/${one.request}/decision`, { approve, words });
      say(t(approve ? "requests.done" : "requests.refused"));
      again();
    });
  };
  const withdraw = (event) =>
    busy(event.currentTarget, told, async () => {
      await post(`/office/requests/${one.request}/withdrawal`);
      again();
    });
  const place = h("div", { class: "stack" });
  const mine = one.asked_by === me;
  if (one.state === "waiting" && mine) fill(place, h("p", { class: "note" }, t("requests.mine")), button(t("requests.withdraw"), withdraw, { kind: "plain" }));
  else if (one.state === "waiting" && may("treasurer"))
    fill(
      place,
      field(t("requests.words"), { maxlength: 300 }),
      h("div", { class: "choice" }, button(t("requests.approve"), decide(true)), button(t("requests.refuse"), decide(false), { kind: "plain" })),
    );
  const order = ["name", "amount_won", "member", "merchant"];
  const place_of = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const details = Object.entries(one.details).sort(([left], [right]) => place_of(left) - place_of(right));
  return h(
    "article",
    { class: "card request", "data-request": one.request },
    h("div", { class: "row" }, h("h2", {}, t(`kind.${one.kind}`)), h("span", { class: one.state === "done" ? "tag good" : "tag" }, t(`state.${one.state}`))),
    facts(
      ...details.map(([name, value]) => [has(`detail.${name}`) ? t(`detail.${name}`) : name, detail(name, value)]),
      [t("requests.note"), one.note],
      [t("requests.by"), `${one.asked_by} · ${dayAndTime(one.asked_at)}`],
      one.decided_by && [t("requests.decided_by"), `${one.decided_by} · ${dayAndTime(one.decided_at)}`],
      one.words && [t("requests.words"), one.words],
    ),
    told,
    place,
  );
}

function detail(name, value) {
  if (value === null) return "–";
  if (name === "amount_won") return won(value);
  if (name === "district") return places[value] ?? String(value);
  if (name === "business_number") return value.replace(/^(\d{3})(\d{2})(\d{5})$/, "$1-$2-$3");
  if (name === "sales_band") return t(`band.${value}`);
  return name === "sha256" ? h("span", { class: "code-text" }, value) : String(value);
}

/** Deposits that are nobody's, bank files that were set aside, claims. */
export async function money() {
  const [{ deposits }, { files }, { claims }] = await Promise.all([
    get("/office/deposits", { state: "unmatched" }),
    get("/office/bank-files", { state: "quarantined" }),
    get("/office/claims"),
  ]);
  const ask = (kind, subject, more = []) =>
    form(
      async (values) => {
        await post("/office/requests", { kind, subject: String(subject), ...values });
        say(t("requests.asked"));
      },
      t("money.ask"),
      ...more,
      field(t("requests.note"), { name: "note", required: true, maxlength: 300 }),
    );
  const card = (title, rows, asking) => h("article", { class: "card request" }, h("h3", {}, title), facts(...rows), h("details", {}, h("summary", {}, t("money.open")), asking));
  return [
    head(t("money.title"), "merchants"),
    h("p", {}, t("requests.why")),
    h("section", { class: "stack" }, h("h2", {}, t("money.deposits")), list(deposits.map((one) => card(won(one.amount_won), [[t("money.remittance"), one.remittance], [t("detail.bank_code"), one.bank_code], [t("money.booked"), dayAndTime(one.booked_at)]], ask("assign_deposit", one.deposit_key, [field(t("detail.member"), { name: "member", inputmode: "numeric", required: true, maxlength: 12 })]))), t("money.no_deposits"))),
    h("section", { class: "stack" }, h("h2", {}, t("money.files")), list(files.map((one) => card(one.name, [[t("detail.reason"), one.reason], [t("detail.bank_code"), one.bank_code], [t("money.received"), dayAndTime(one.received_at)]], ask("release_bank_file", one.file))), t("money.no_files"))),
    h("section", { class: "stack" }, h("h2", {}, t("money.claims")), list(claims.map((one) => card(won(one.amount_won), [[t("detail.merchant"), one.merchant], [t("money.arose"), dayAndTime(one.arose_at)]], ask("settle_claim", one.payment))), t("money.no_claims"))),
  ];
}

/** Who did what. */
export async function trail() {
  const { acts } = await get("/office/acts", { limit: 200 });
  const words = (act) => (has(`act.${act}`) ? t(`act.${act}`) : act);
  return [
    head(t("trail.title"), ""),
    h("p", {}, t("trail.why")),
    table(t("trail.title"), [[t("trail.what"), null], [t("trail.who"), null], [t("trail.when"), null], [t("trail.subject"), null]], acts.map((one) => [words(one.act), one.actor === "operator" ? t("trail.operator") : one.actor, dayAndTime(one.at), one.subject.length > 20 ? `${one.subject.slice(0, 18)}…` : one.subject])),
    h("p", { class: "hint" }, page.brand),
  ];
}
