/** Signing in to the office, and taking up an invitation. */

import { post } from "../shared/api.js";
import { begin, keepWithSession, publicKey } from "../shared/device.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { page } from "../shared/page.js";
import { go } from "../shared/router.js";
import { field, form, head, linkButton, settings } from "../shared/ui.js";

const codeField = () =>
  field(t("entry.code"), { name: "code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6, required: true, class: "code" }, t("entry.code_hint"));

/** Name, password and code together. */
export function signIn() {
  return [
    h("p", { class: "quiet" }, page.brand),
    head(t("entry.title")),
    form(
      async ({ login, password, code }) => {
        const told = await post("/browser/office", { login: login.trim(), password, code, device_key: await publicKey() });
        begin(told);
        keepWithSession("role", told.role);
        go("", true);
      },
      t("entry.sign_in"),
      field(t("entry.login"), { name: "login", autocomplete: "username", autocapitalize: "none", required: true, maxlength: 64 }),
      field(t("entry.password"), { name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: 200 }),
      codeField(),
    ),
    h("p", { class: "hint" }, t("entry.lost")),
    h("details", {}, h("summary", {}, t("entry.settings")), h("div", { class: "stack" }, settings())),
  ];
}

/** An invitation: a password, then the code device. */
export function invitation(token = "") {
  const place = h("div", { class: "stack" });
  fill(
    place,
    head(t("invitation.title")),
    h("p", {}, t("invitation.why")),
    form(
      async ({ password }) => device(place, await post("/office/invitation", { invitation: token, password })),
      t("invitation.next"),
      field(t("invitation.password"), { name: "password", type: "password", autocomplete: "new-password", required: true, maxlength: 128 }, t("invitation.password_hint")),
    ),
  );
  return [h("p", { class: "quiet" }, page.brand), place];
}

async function device(place, told) {
  const { qrPicture } = await import("../shared/qr.js");
  const secret = new URL(told.otpauth).searchParams.get("secret");
  fill(
    place,
    head(t("invitation.device_title")),
    h("p", {}, t("invitation.device_why")),
    await qrPicture(told.otpauth, t("invitation.device_picture")),
    h("p", { class: "middle" }, t("invitation.by_hand")),
    h("p", { class: "middle code-text", "data-testid": "secret" }, secret.replace(/(.{4})/g, "$1 ").trim()),
    h("p", {}, t("invitation.then", { login: told.login })),
    linkButton(t("invitation.sign_in"), "sign-in"),
  );
  place.querySelector("h1").focus();
}
