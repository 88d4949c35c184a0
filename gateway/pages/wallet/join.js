/** Joining, and signing in on another device: a phone, a code, a PIN. */

import { get, post, Problem } from "../shared/api.js";
import { begin, end, publicKey } from "../shared/device.js";
import { fill, h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { page } from "../shared/page.js";
import { go } from "../shared/router.js";
import { button, field, form, head, pinField, problemBox, settings } from "../shared/ui.js";

/** The whole way, a screen a step. */
export function join() {
  const place = h("div", { class: "stack" });
  phone(place);
  return [place, h("details", {}, h("summary", {}, t("join.settings")), h("div", { class: "stack" }, settings()))];
}

function phone(place, problem = null) {
  fill(
    place,
    h("p", { class: "quiet" }, page.brand),
    head(t("join.title")),
    h("p", {}, t("join.why")),
    problem && problemBox(problem),
    form(
      async ({ phone: number }) => {
        const told = await post("/browser/citizens", { phone: number, device_key: await publicKey() });
        code(place, number, told.challenge);
      },
      t("join.send"),
      field(t("join.phone"), { name: "phone", type: "tel", inputmode: "tel", autocomplete: "tel", required: true, maxlength: 20, placeholder: "010-1234-5678" }),
    ),
  );
}

function code(place, number, challenge, problem = null) {
  const made = form(
    async ({ code: digits }) => pin(place, number, challenge, digits),
    t("join.next"),
    field(t("join.code"), { name: "code", inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]*", maxlength: 6, required: true, class: "code" }, t("join.code_hint")),
  );
  fill(
    place,
    head(t("join.code_title", { number })),
    problem && problemBox(problem),
    made,
    button(t("join.again"), () => phone(place), { kind: "quiet" }),
  );
  made.querySelector("input").focus();
}

async function pin(place, number, challenge, digits) {
  const { districts } = await get("");
  const options = districts.map((one) => [one.number, named(one)]);
  const made = form(
    async (values) => {
      end(); // signing in is signed with no session
      const body = { challenge, code: digits, pin: values.pin, district: Number(values.district), device_key: await publicKey() };
      try {
        begin(await post("/browser/citizens/confirm", body));
      } catch (problem) {
        if (problem instanceof Problem && problem.reason === "WRONG_CODE") return code(place, number, challenge, problem);
        throw problem;
      }
      return go("", true);
    },
    t("join.finish"),
    pinField(t("join.pin"), null, { autocomplete: "off" }),
    field(t("join.district"), { name: "district", options }, t("join.district_hint")),
  );
  fill(place, head(t("join.pin_title")), h("p", {}, t("join.pin_why")), made);
  made.querySelector("input").focus();
}
