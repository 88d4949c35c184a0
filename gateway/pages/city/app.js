/** The city's office. */

import { boot } from "../shared/boot.js";
import { session } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { go } from "../shared/router.js";
import { navigation } from "../shared/ui.js";
import { invitation, signIn } from "./entry.js";

/** A screen for those who are signed in, loaded when it is first asked for. */
const seen = (load, name) => async (...route) => (session() ? (await load())[name](...route) : signIn());
const figures = () => import("./figures.js");
const decisions = () => import("./decisions.js");
const me = () => import("./me.js");

const screens = {
  "": seen(figures, "overview"),
  "sign-in": signIn,
  invitation,
  spending: seen(figures, "spending"),
  programmes: seen(figures, "programmes"),
  reserve: seen(figures, "reserve"),
  merchants: seen(decisions, "merchants"),
  requests: seen(decisions, "requests"),
  money: seen(decisions, "money"),
  trail: seen(decisions, "trail"),
  me: seen(me, "me"),
};

const tabs = () => [
  ["", "chart", t("tab.overview")],
  ["programmes", "charge", t("tab.programmes")],
  ["merchants", "shop", t("tab.merchants")],
  ["requests", "done", t("tab.requests")],
  ["me", "gear", t("tab.me")],
];

addEventListener("signed-out", () => go("sign-in"));
boot(screens, (content, name) => [h("main", {}, content), session() && name !== "invitation" ? navigation(tabs(), name) : null].filter(Boolean), { wide: true });
