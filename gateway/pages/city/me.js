/** One's own: who is signed in, where, and how one reads. */

import { get, post, remove } from "../shared/api.js";
import { end } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime } from "../shared/money.js";
import { go } from "../shared/router.js";
import { busy, button, facts, head, list, settings } from "../shared/ui.js";

/** What a browser calls itself, in two words: "Chrome, Android". */
function browserIn(agent) {
  const programs = ["Edg", "OPR", "SamsungBrowser", "Whale", "Firefox", "Chrome", "HeadlessChrome", "Safari"];
  const systems = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"];
  const program = programs.find((name) => agent.includes(`${name}/`));
  const system = systems.find((name) => agent.includes(name));
  return program ? [program.replace("Edg", "Edge").replace("OPR", "Opera").replace("Headless", ""), system].filter(Boolean).join(", ") : agent.split(" ")[0] || null;
}

export async function me() {
  const [who, { sessions }] = await Promise.all([get("/office/me"), get("/office/sessions")]);
  const told = h("div", { class: "told", role: "alert" });
  const revoke = (one) => (event) =>
    busy(event.currentTarget, told, async () => {
      await remove(`/office/sessions/${one.session}`);
      dispatchEvent(new HashChangeEvent("hashchange"));
    });
  const out = (event) =>
    busy(event.currentTarget, told, async () => {
      await post("/browser/office/sign-out");
      end();
      go("sign-in", true);
    });
  const row = (one) =>
    h(
      "div",
      { class: "row" },
      h("span", {}, browserIn(one.agent) ?? t("me.unknown"), h("small", {}, t("me.seen", { at: dayAndTime(one.seen_at) }))),
      one.this ? h("span", { class: "tag good" }, t("me.this")) : button(t("me.revoke"), revoke(one), { kind: "plain" }),
    );
  return [
    head(t("me.title")),
    facts([t("me.login"), who.login], [t("me.role"), t(`role.${who.role}`)]),
    h("p", { class: "hint" }, t(`role_may.${who.role}`)),
    h("section", {}, h("h2", {}, t("me.sessions")), list(sessions.map(row), t("me.none"))),
    told,
    ...settings(),
    button(t("me.sign_out"), out, { kind: "plain" }),
  ];
}
