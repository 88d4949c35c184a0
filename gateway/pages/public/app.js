/** For anybody: what is in circulation, what backs it, the rules in force, and whether a receipt is true. */

import { boot } from "../shared/boot.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { head, navigation, settings } from "../shared/ui.js";

const load = (part, name) => async (...route) => (await part())[name](...route);
const open = () => import("./open.js");
const receipt = () => import("./receipt.js");

const screens = {
  "": load(open, "circulation"),
  programmes: load(open, "programmes"),
  rules: load(open, "rules"),
  receipt: load(receipt, "check"),
  settings: () => [head(t("settings.title")), ...settings()],
};

const tabs = () => [
  ["", "bank", t("tab.circulation")],
  ["programmes", "charge", t("tab.programmes")],
  ["rules", "why", t("tab.rules")],
  ["receipt", "done", t("tab.receipt")],
  ["settings", "gear", t("tab.settings")],
];

boot(screens, (content, name) => [h("main", {}, content), navigation(tabs(), name)], { wide: true });
