/** Figures of the office: overview, spending, programmes, reserve. */

import { get } from "../shared/api.js";
import { kept } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { bars, figureTable, noon, read, saveButton, section } from "../shared/figure.js";
import { named, t } from "../shared/i18n.js";
import { dayAndTime, grouping, kstDay, onDay, won } from "../shared/money.js";
import { go, link } from "../shared/router.js";
import { field, form, head, linkButton, warning } from "../shared/ui.js";

const DAY = 24 * 3600 * 1000;

/** What one looks at in the morning. */
export async function overview(...span) {
  const query = asked(span);
  const [circulation, activity, reserve, requests, applications, alarms, { overDays }] = await Promise.all([
    read("circulation", query),
    read("activity", query),
    read("reserve"),
    get("/office/requests", { state: "waiting" }),
    read("applications"),
    get("/office/alarms"),
    import("../shared/chart.js"),
  ]);
  const now = circulation.rows.at(-1);
  const today = activity.rows.at(-1);
  const proof = reserve.rows.at(-1);
  const days = circulation.rows.map((row) => row.day);
  const of = (figure, name) => figure.rows.map((row) => row[name]);
  const line = (label, values) => ({ label, values, kind: "line" });
  return [
    head(t("overview.title")),
    alarms.alarms.length ? h("section", { class: "stack" }, h("h2", {}, t("overview.alarms")), alarms.alarms.slice(0, 10).map((one) => warning(`${t(`alarm.${one.kind}`)} · ${one.item}`))) : null,
    h(
      "div",
      { class: "numbers" },
      number(t("overview.circulation"), now ? won(now.circulation_won) : "–", "reserve"),
      number(t("overview.reserve"), proof ? t(proof.holds ? "reserve.holds" : "reserve.differs") : "–", "reserve", proof && !proof.holds),
      number(t("overview.citizens"), today ? grouping(today.citizens) : "–", "spending"),
      number(t("overview.shops"), today ? grouping(today.merchants) : "–", "spending"),
      number(t("overview.applications"), grouping(applications.rows.length), "merchants", applications.rows.some((row) => row.days_waiting > 5)),
      number(t("overview.requests"), grouping(requests.requests.length), "requests"),
    ),
    range("", query),
    ...[
      section(t("overview.circulation_days"), circulation, overDays(t("overview.circulation_days"), days, [line(t("column.circulation_won"), of(circulation, "circulation_won"))])),
      section(t("overview.flow"), circulation, overDays(t("overview.flow"), days, [
        line(t("column.issued_won"), of(circulation, "issued_won")),
        line(t("column.redeemed_won"), of(circulation, "redeemed_won")),
      ])),
      section(t("overview.payments"), activity, overDays(t("overview.payments"), activity.rows.map((row) => row.day), [{ label: t("column.paid_won"), values: of(activity, "paid_won"), kind: "bar" }])),
    ],
    circulation.made_at ? h("p", { class: "hint" }, t("figure.made_at", { at: dayAndTime(circulation.made_at) })) : null,
    kept("role") === "viewer" ? null : linkButton(t("overview.trail"), "trail", "quiet"),
  ].filter(Boolean);
}

/** Where it is spent. */
export async function spending(...span) {
  const query = asked(span);
  const [districts, categories, activity] = await Promise.all([read("districts", query), read("categories", query), read("activity", query)]);
  const of = (row) => ({ label: named(row), value: row.paid_won, told: won(row.paid_won), note: t("spending.payments", { count: grouping(row.payments) }) });
  return [
    head(t("spending.title"), ""),
    range("spending", query),
    h(
      "div",
      { class: "columns" },
      section(t("spending.districts"), districts, bars(districts.rows, of), ["number", page_name(), "payments", "paid_won", "city_money_won"]),
      section(t("spending.categories"), categories, bars(categories.rows, of), ["number", page_name(), "payments", "paid_won", "city_money_won"]),
    ),
    h("section", { class: "stack" }, h("h2", {}, t("spending.people")), figureTable(t("spending.people"), activity, ["day", "citizens", "merchants", "payments", "paid_won", "own_won", "city_money_won"]), h("div", { class: "choice" }, saveButton(activity))),
  ];
}

const page_name = () => (document.documentElement.lang === "en" ? "en" : "ko");

/** Programmes and campaigns: what is used, what is left, until when. */
export async function programmes() {
  const [all, campaigns, relief, days] = await Promise.all([read("programmes"), read("campaigns"), read("relief"), read("programme-days", { since: kstDay(Date.now() - 92 * DAY) })]);
  const { overDays } = await import("../shared/chart.js");
  return [
    head(t("programmes.title")),
    section(
      t("programmes.programmes"),
      all,
      h("div", { class: "stack" }, all.rows.map((row) => burning(row, row.granted_won, row.spent_won, row.unspent_won, days, overDays))),
    ),
    section(t("programmes.campaigns"), campaigns, h("div", { class: "stack" }, campaigns.rows.map((row) => burning(row, row.budget_won, row.earned_won, row.budget_left_won)))),
    section(t("programmes.relief"), relief, bars(relief.rows, (row) => ({
      label: row.name,
      value: row.granted_won,
      of: Math.max(row.funded_won, 1),
      told: t("programmes.share", { share: percent(row.granted_won, row.funded_won) }),
      note: t("programmes.recipients", { count: grouping(row.listed_recipients + row.single_recipients), won: won(row.granted_won), of: won(row.funded_won) }),
    }))),
  ];
}

function burning(row, budget, used, left, days = null, overDays = null) {
  const of = days?.rows.filter((day) => day.number === row.number) ?? [];
  const end = row.forecast_end ? t("programmes.forecast", { day: onDay(noon(row.forecast_end)), won: won(row.a_day_won) }) : t("programmes.no_forecast");
  return h(
    "div",
    { class: "card" },
    h("div", { class: "row" }, h("strong", {}, row.name), h("span", { class: row.open ? "tag good" : "tag" }, t(row.open ? "programmes.open" : "programmes.ended"))),
    h("meter", { min: 0, max: Math.max(budget, 1), value: Math.max(used, 0), "aria-label": row.name }),
    h("p", {}, t("programmes.used", { used: won(used), budget: won(budget), left: won(left), share: percent(used, budget) })),
    h("p", { class: "quiet" }, `${onDay(noon(row.first_day))} – ${onDay(noon(row.last_day))}`),
    row.open ? h("p", {}, end) : null,
    of.length > 1 ? overDays(row.name, of.map((day) => day.day), [{ label: t("column.left_won"), values: of.map((day) => day.left_won), kind: "line" }]) : null,
  );
}

/** The proofs of reserve. */
export async function reserve(...span) {
  const query = asked(span);
  const figure = await read("reserve", query);
  const { overDays } = await import("../shared/chart.js");
  const values = (name) => figure.rows.map((row) => row[name]);
  return [
    head(t("reserve.title"), ""),
    h("p", {}, t("reserve.why")),
    range("reserve", query),
    ...figure.rows.filter((row) => !row.holds).map((row) => warning(t("reserve.differs_on", { day: onDay(noon(row.day)), won: row.difference_won === null ? "–" : won(row.difference_won) }))),
    section(t("reserve.days"), figure, overDays(t("reserve.days"), figure.rows.map((row) => row.day), [
      { label: t("column.in_accounts_won"), values: values("in_accounts_won"), kind: "line" },
      { label: t("column.supply_won"), values: values("supply_won"), kind: "line" },
    ])),
  ];
}

function asked([since, until]) {
  return { since: since || kstDay(Date.now() - 30 * DAY), until: until || kstDay() };
}

function range(route, query) {
  const made = form(
    async ({ since, until }) => go(`${route}/${since}/${until}`),
    t("range.show"),
    h("div", { class: "range" }, field(t("range.since"), { name: "since", type: "date", value: query.since, required: true }), field(t("range.until"), { name: "until", type: "date", value: query.until, required: true })),
  );
  return h("details", {}, h("summary", {}, `${onDay(noon(query.since))} – ${onDay(noon(query.until))}`), made);
}

function number(label, told, to, bad = false) {
  return link(to, { class: "card" }, h("span", { class: "quiet" }, label), h("strong", { class: bad ? "bad" : null }, told));
}

const percent = (part, whole) => `${whole > 0 ? Math.round((100 * part) / whole) : 0}%`;
