/** Paying a shop's code: scan, look, PIN, done. */

import { get, newKey, post, Problem } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { won, wonIn } from "../shared/money.js";
import { go, onLeave } from "../shared/router.js";
import { scanner } from "../shared/scanner.js";
import { button, busy, field, form, head, linkButton, pinField, problemBox, warning, wonField } from "../shared/ui.js";
import { receiptOf } from "./receipt.js";

const LOOK_AGAIN = 1000;

/** The camera, or the code typed in where there is none. */
export function pay() {
  const place = h("div", { class: "stack" });
  scan(place);
  return place;
}

function scan(place, problem = null) {
  const told = h("div", { class: "told", role: "alert" }, problem && problemBox(problem));
  const read = async (text) => {
    try {
      confirm(place, text, await post("/qr", { qr: text }));
    } catch (failed) {
      scan(place, failed);
    }
  };
  const camera = scanner(read, t("pay.camera"));
  onLeave(camera.stop);
  camera.ready.catch(() => fill(told, warning(t("pay.no_camera"))));
  const typed = form(
    async ({ qr }) => {
      const found = await post("/qr", { qr: qr.trim() });
      camera.stop();
      confirm(place, qr.trim(), found);
    },
    t("pay.go_on"),
    field(t("pay.code"), { name: "qr", required: true }),
  );
  fill(
    place,
    head(t("pay.title"), ""),
    h("p", {}, t("pay.aim")),
    told,
    camera.element,
    h("details", {}, h("summary", {}, t("pay.type")), typed),
  );
}

function confirm(place, qr, found) {
  const key = newKey(); // one code, one payment: whatever is pressed twice, or sent again
  const told = h("div", { class: "told", role: "alert" });
  const amount = found.amount_won === null ? wonField(t("pay.amount"), { name: "amount", required: true }) : null;
  const send = async (pin, input) => {
    const sum = amount ? wonIn(amount.querySelector("input").value) : found.amount_won;
    fill(told);
    if (!sum) {
      fill(told, warning(t("pay.needs_amount")));
      input.value = "";
      amount.querySelector("input").focus();
      return;
    }
    input.readOnly = true;
    await busy(input, told, async () => {
      const body = { kind: "merchant_qr", qr, pin, ...(amount ? { amount_won: sum } : {}) };
      await sent(place, body, key, found, sum);
    });
    input.readOnly = false;
    input.value = "";
    input.focus();
  };
  fill(
    place,
    head(t("pay.confirm"), "pay"),
    h("p", { class: "middle" }, h("strong", { class: "shop" }, found.name)),
    amount ?? h("p", { class: "sum middle" }, won(found.amount_won)),
    told,
    pinField(t("pay.pin"), send),
    h("p", { class: "hint middle" }, t("pay.pin_hint")),
  );
  (amount ?? place).querySelector("input").focus();
}

async function sent(place, body, key, found, sum) {
  try {
    const payment = await post("/payments", body, key);
    await decided(place, payment);
  } catch (problem) {
    // A PIN is corrected, and a lost answer asked for again, under the same key.
    if (!(problem instanceof Problem) || !problem.body.payment) throw problem;
    refused(place, problem, found, sum);
  }
}

async function decided(place, payment) {
  let left = false;
  onLeave(() => { left = true; });
  let now = payment;
  while (now.state === "held" && !left) {
    fill(place, head(t("pay.waiting")), h("p", { class: "middle", role: "status" }, t("pay.waiting_hint")), h("progress", { "aria-label": t("pay.waiting") }));
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    now = await get(`/payments/${payment.payment}`);
  }
  if (now.state === "rejected") return refused(place, new Problem(now.reason), { name: now.merchant_name, merchant: now.merchant }, now.amount_won);
  return fill(place, ...receiptOf(now), linkButton(t("pay.home"), ""));
}

function refused(place, problem, found, sum) {
  fill(
    place,
    h("div", { class: "done not", "aria-hidden": "true" }, "!"),
    head(t("pay.refused")),
    h("p", { class: "middle" }, `${found.name} · ${won(sum)}`),
    problemBox(problem),
    linkButton(t("pay.why"), `why/${found.merchant}/${sum}`, "plain"),
    button(t("pay.again"), () => go("pay")),
  );
}
