/** A till is opened by the shop's key, once on each device. */

import { post, Problem } from "../shared/api.js";
import { begin, end, publicKey } from "../shared/device.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { page } from "../shared/page.js";
import { go } from "../shared/router.js";
import { field, form, head, linkButton, settings } from "../shared/ui.js";

export function enter() {
  return h(
    "div",
    { class: "stack narrow" },
    h("p", { class: "quiet" }, page.brand),
    head(t("enter.title")),
    h("p", {}, t("enter.how")),
    form(
      async ({ key }) => {
        end(); // signing in is signed with no session
        try {
          begin(await post("/browser/merchant", { api_key: key.trim(), device_key: await publicKey() }));
        } catch (problem) {
          if (problem instanceof Problem && ["UNAUTHENTICATED", "INVALID"].includes(problem.reason)) problem.say = t("enter.unknown", { phone: page.support });
          throw problem;
        }
        go("", true);
      },
      t("enter.go"),
      field(t("enter.key"), { name: "key", type: "password", required: true, maxlength: 128 }, t("enter.key_hint")),
    ),
    linkButton(t("enter.apply"), "apply", "plain"),
    h("details", {}, h("summary", {}, t("enter.settings")), h("div", { class: "stack" }, settings())),
  );
}
