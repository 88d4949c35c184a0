/** Sums, days and times as people read them. Amounts are whole won; times are Korean, wherever the reader is. */

import { page } from "./page.js";

const grouped = new Intl.NumberFormat("en-US");
const zone = { timeZone: "Asia/Seoul" };
const locale = page.language === "ko" ? "ko-KR" : "en-GB";
const day = new Intl.DateTimeFormat(locale, { ...zone, year: "numeric", month: "short", day: "numeric" });
const weekday = new Intl.DateTimeFormat(locale, { ...zone, month: "short", day: "numeric", weekday: "short" });
const clock = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", hour12: false });

/** ₩1,234,500; a minus sign before the won sign. */
export function won(amount) {
  return amount < 0 ? `−₩${grouped.format(-amount)}` : `₩${grouped.format(amount)}`;
}

/** 1,234,500 */
export function grouping(amount) {
  return grouped.format(amount);
}

/** The whole won in what somebody typed, however grouped; null when there are none. */
export function wonIn(text) {
  const digits = text.replace(/[^0-9]/g, "");
  return digits ? Number(digits) : null;
}

export const onDay = (time) => day.format(new Date(time));
export const onWeekday = (time) => weekday.format(new Date(time));
export const atTime = (time) => clock.format(new Date(time));
export const dayAndTime = (time) => `${onDay(time)} ${atTime(time)}`;

/** The last moment before `time`: what ends at midnight can be used until the day before is over. */
export const justBefore = (time) => new Date(time).getTime() - 1000;

/** The KST day of a time, as 2026-11-23. */
export function kstDay(time = Date.now()) {
  return new Date(new Date(time).getTime() + 9 * 3600 * 1000).toISOString().slice(0, 10);
}
