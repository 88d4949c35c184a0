/** What is registered of the shop, and the settings of this till. */

import { get, post } from "../shared/api.js";
import { end } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { page } from "../shared/page.js";
import { go } from "../shared/router.js";
import { busy, button, facts, head, settings } from "../shared/ui.js";

export async function shop() {
  const told = h("div", { class: "told", role: "alert" });
  const [found, city] = await Promise.all([get("/merchant"), get("")]);
  const district = city.districts.find((one) => one.number === found.district);
  const out = button(t("shop.sign_out"), () => busy(out, told, signOut), { kind: "plain" });
  return h(
    "div",
    { class: "stack narrow" },
    head(t("shop.title")),
    facts(
      [t("apply.name"), found.name],
      [t("shop.name_en"), found.name_en],
      [t("apply.number"), found.business_number],
      [t("shop.number"), String(found.merchant ?? "–")],
      [t("apply.district"), district ? named(district) : "–"],
      [t("shop.band"), t(`band.${found.sales_band}`)],
    ),
    settings(),
    h("section", {}, h("h2", {}, t("shop.help")), h("a", { class: "button plain", href: `tel:${page.support}` }, t("shop.call", { phone: page.support }))),
    told,
    out,
  );
}

async function signOut() {
  await post("/browser/sign-out");
  end();
  go("enter", true);
}
