/** The shop: taking money, seeing it, being paid. */

import { boot } from "../shared/boot.js";
import { end, session } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { go } from "../shared/router.js";
import { navigation } from "../shared/ui.js";
import { enter } from "./enter.js";
import { till } from "./till.js";

const owner = (screen) => (...route) => (session() ? screen(...route) : enter());
const later = (load, name) => async (...route) => (await load())[name](...route);

const screens = {
  "": owner(till),
  enter,
  apply: later(() => import("./apply.js"), "apply"),
  scan: owner(later(() => import("./scan.js"), "scan")),
  sticker: owner(later(() => import("./sticker.js"), "sticker")),
  sales: owner(later(() => import("./sales.js"), "sales")),
  sale: owner(later(() => import("./sales.js"), "sale")),
  payouts: owner(later(() => import("./payouts.js"), "payouts")),
  settings: owner(later(() => import("./shop.js"), "shop")),
};

const tabs = () => [
  ["", "shop", t("tab.till")],
  ["sales", "chart", t("tab.sales")],
  ["payouts", "bank", t("tab.payouts")],
  ["sticker", "show", t("tab.sticker")],
  ["settings", "gear", t("tab.settings")],
];

addEventListener("signed-out", () => {
  end();
  go("enter", true);
});
boot(screens, (content, name) => [h("main", {}, content), session() ? navigation(tabs(), name) : null].filter(Boolean), { wide: true });
