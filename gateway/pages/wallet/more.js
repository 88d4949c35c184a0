/** Settings, this device and the others, and help. */

import { get, post, remove } from "../shared/api.js";
import { end } from "../shared/device.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime } from "../shared/money.js";
import { page } from "../shared/page.js";
import { go } from "../shared/router.js";
import { busy, button, facts, head, linkButton, list, say, settings } from "../shared/ui.js";

export async function more() {
  const told = h("div", { class: "told", role: "alert" });
  const out = button(t("more.sign_out"), () => busy(out, told, signOut), { kind: "plain" });
  const me = await get("/me");
  return [
    head(t("more.title")),
    ...settings(),
    h("section", { class: "stack" }, h("h2", {}, t("more.device")), facts([t("more.member"), me.member]), linkButton(t("more.devices"), "devices", "plain"), told, out),
    h("section", {}, h("h2", {}, t("more.help")), h("a", { class: "button plain", href: `tel:${page.support}` }, t("more.call", { phone: page.support }))),
  ];
}

/** Where this member is signed in; what is not known any more can be ended. */
export async function devices() {
  const told = h("div", { class: "told", role: "alert" });
  const place = h("div", {});
  const look = async () => {
    const { sessions } = await get("/sessions");
    fill(place, list(sessions.map((one) => device(one, told, look)), ""));
  };
  await look();
  return [head(t("devices.title"), "more"), h("p", {}, t("devices.how")), told, place];
}

function device(one, told, look) {
  const act = button(t("devices.end"), () => busy(act, told, async () => {
    await remove(`/sessions/${one.session}`);
    say(t("devices.ended"));
    await look();
  }), { kind: "plain", "aria-label": t("devices.end_named", { when: dayAndTime(one.began_at) }) });
  return h("div", { class: "row" }, h("span", {}, t("devices.since", { when: dayAndTime(one.began_at) }), h("span", { class: "under" }, t("devices.until", { when: dayAndTime(one.expires_at) }))), one.current ? h("span", { class: "tag good" }, t("devices.this")) : act);
}

async function signOut() {
  await post("/browser/sign-out");
  end();
  go("join", true);
}
