/** The citizen's wallet. */

import { boot } from "../shared/boot.js";
import { end, session } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { go } from "../shared/router.js";
import { navigation } from "../shared/ui.js";
import { home } from "./home.js";
import { join } from "./join.js";

/** A screen for members; anybody else is asked to join first. */
const member = (screen) => (...route) => (session() ? screen(...route) : join());

/** A screen that is loaded when it is first asked for, so that the first visit stays small. */
const later = (load, name) => member(async (...route) => (await load())[name](...route));

const screens = {
  "": member(home),
  join,
  money: later(() => import("./money.js"), "money"),
  charge: later(() => import("./money.js"), "charge"),
  pay: later(() => import("./pay.js"), "pay"),
  show: later(() => import("./show.js"), "show"),
  history: later(() => import("./history.js"), "history"),
  payment: later(() => import("./history.js"), "payment"),
  places: later(() => import("./places.js"), "places"),
  why: later(() => import("./places.js"), "why"),
  more: later(() => import("./more.js"), "more"),
  devices: later(() => import("./more.js"), "devices"),
};

const tabs = () => [
  ["", "home", t("tab.home")],
  ["pay", "scan", t("tab.pay")],
  ["show", "show", t("tab.show")],
  ["history", "history", t("tab.history")],
  ["more", "more", t("tab.more")],
];

addEventListener("signed-out", () => {
  end();
  go("join", true);
});
boot(screens, (content, name) => [h("main", {}, content), session() ? navigation(tabs(), name) : null].filter(Boolean));
