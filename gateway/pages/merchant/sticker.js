/** The shop's own code on paper: an A4 sheet, which the browser prints or saves as PDF. */

import { get } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { page } from "../shared/page.js";
import { qrPicture } from "../shared/qr.js";
import { button, head } from "../shared/ui.js";

export async function sticker() {
  const [shop, code, city] = await Promise.all([get("/merchant"), get("/merchant/qr"), get("")]);
  return [
    h("div", { class: "noprint stack narrow" }, head(t("sticker.title")), h("p", {}, t("sticker.how")), button(t("sticker.print"), () => print())),
    h(
      "article",
      { class: "sheet" },
      h("p", { class: "sheet-brand" }, `${city.name_ko} · ${city.name_en}`),
      await qrPicture(code.qr, t("sticker.picture", { name: shop.name })),
      h("p", { class: "sheet-name" }, shop.name),
      h("p", { class: "sheet-name-en", lang: "en" }, shop.name_en),
      h("p", {}, t("sticker.scan")),
      h("p", { class: "quiet" }, t("sticker.number", { number: shop.merchant, city: named({ ko: city.city_ko, en: city.city_en }), phone: page.support.replaceAll("-", "\u2011") })),
    ),
  ];
}
