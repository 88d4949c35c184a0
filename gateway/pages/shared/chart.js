/** Lines over days, by uPlot. What a chart shows stands in the table beside it as well. */

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { h } from "./dom.js";
import { noon } from "./figure.js";
import { t } from "./i18n.js";
import { onDay, won } from "./money.js";
import { page } from "./page.js";
import { onLeave } from "./router.js";

const HEIGHT = 260;
const DAY = 86_400;
const FEWEST_DAYS = 7;

/**
 * `series`: {label, values, kind}; `kind` "line" or "bar". `days` as 2026-11-23. Returns an element that draws itself
 * when it is shown and is told away when the screen is left.
 */
export function overDays(title, days, series) {
  styleOnce();
  const first = days.length ? onDay(noon(days[0])) : "";
  const last = days.length ? onDay(noon(days.at(-1))) : "";
  const place = h("div", { class: "chart", role: "img", "aria-label": `${title}: ${first} – ${last}` });
  const at = days.map((day) => new Date(noon(day)).getTime() / 1000);
  let chart = null;
  const draw = () => {
    const width = place.clientWidth;
    if (!width) return;
    if (chart) chart.setSize({ width, height: HEIGHT });
    else chart = new uPlot(options(width, series), [at, ...series.map((one) => one.values)], place);
  };
  const watch = new ResizeObserver(draw);
  watch.observe(place);
  onLeave(() => {
    watch.disconnect();
    chart?.destroy();
  });
  return place;
}

function options(width, series) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const colours = [style.getPropertyValue("--brand").trim() || page.colour, "#0b5cad", "#8a5a00", "#10633b"];
  const day = (seconds) => onDay(seconds * 1000);
  const shortDay = new Intl.DateTimeFormat(page.language === "ko" ? "ko-KR" : "en-GB", { timeZone: "Asia/Seoul", month: "numeric", day: "numeric" });
  const font = "13px system-ui, sans-serif";
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true, range: (_, low, high) => widened(low, high) }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    axes: [
      { stroke: ink, font, grid: { stroke: line }, space: 64, incrs: [1, 2, 7, 14, 30, 60].map((n) => n * DAY), values: (_, splits) => splits.map((one) => shortDay.format(one * 1000)) },
      { stroke: ink, font, grid: { stroke: line }, size: 76, values: (_, splits) => splits.map(compact) },
    ],
    series: [
      { label: t("column.day"), value: (_, seconds) => (seconds === null ? "–" : day(seconds)) },
      ...series.map((one, place) => ({
        label: one.label,
        stroke: colours[place],
        fill: one.kind === "bar" ? `${colours[place]}55` : undefined,
        width: 2,
        dash: place === 1 ? [8, 4] : place === 2 ? [2, 3] : undefined,
        paths: one.kind === "bar" ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
        points: { show: one.kind !== "bar" && one.values.length < 40, size: 6 },
        value: (_, amount) => (amount === null ? "–" : won(amount)),
      })),
    ],
  };
}

/** Half a day of room at both ends, and a week at least: the first day of a city is no point in a corner. */
function widened(low, high) {
  const missing = Math.max(0, (FEWEST_DAYS - 1) * DAY - (high - low));
  return [low - missing - DAY / 2, high + DAY / 2];
}

const shortSum = new Intl.NumberFormat(page.language === "ko" ? "ko-KR" : "en-GB", { notation: "compact", maximumFractionDigits: 1 });
const compact = (amount) => `₩${shortSum.format(amount)}`;

function styleOnce() {
  const href = `${page.root}/vendor/uplot/uPlot.min.css`;
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(h("link", { rel: "stylesheet", href }));
}
