/** Taking a payment with the code that a citizen shows. */

import { get, newKey, post } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { won, wonIn } from "../shared/money.js";
import { onLeave } from "../shared/router.js";
import { scanner } from "../shared/scanner.js";
import { button, form, head, icon, linkButton, problemBox, warning, wonField } from "../shared/ui.js";
import { chime, wake } from "./chime.js";

const LOOK_AGAIN = 1000;

export function scan() {
  const place = h("div", { class: "stack narrow" });
  ask(place);
  return place;
}

function ask(place) {
  fill(
    place,
    head(t("scan.title"), ""),
    form(
      async ({ amount }) => {
        wake();
        camera(place, wonIn(amount) ?? 0);
      },
      t("scan.open"),
      wonField(t("till.amount"), { name: "amount", required: true }),
    ),
  );
}

function camera(place, amount) {
  const told = h("div", { class: "told", role: "alert" });
  const key = newKey(); // one sale, whatever is scanned twice
  const eye = scanner((qr) => take(place, { kind: "customer_qr", qr, amount_won: amount }, key), t("scan.camera"));
  onLeave(eye.stop);
  eye.ready.catch(() => fill(told, warning(t("scan.no_camera"))));
  fill(
    place,
    head(t("scan.aim"), ""),
    h("p", { class: "sum middle" }, won(amount)),
    told,
    eye.element,
    button(t("scan.change"), () => {
      eye.stop();
      ask(place);
    }, { kind: "plain" }),
  );
}

async function take(place, body, key) {
  fill(place, head(t("scan.waiting")), h("progress", { "aria-label": t("scan.waiting") }));
  try {
    let payment = await post("/payments", body, key);
    while (payment.state === "held") {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
      payment = await get(`/payments/${payment.payment}`);
    }
    if (payment.state === "rejected") return refused(place, warning(t(`reason.${payment.reason}`)));
    chime();
    return fill(
      place,
      h("div", { class: "done", "aria-hidden": "true" }, icon("done")),
      h("p", { class: "middle", role: "alert" }, h("strong", {}, t("till.paid"))),
      h("p", { class: "sum middle" }, won(payment.amount_won)),
      button(t("till.next"), () => ask(place)),
      linkButton(t("scan.sale"), `sale/${payment.payment}`, "plain"),
    );
  } catch (problem) {
    return refused(place, problemBox(problem));
  }
}

function refused(place, box) {
  fill(place, h("div", { class: "done not", "aria-hidden": "true" }, "!"), head(t("scan.refused")), box, button(t("scan.again"), () => ask(place)));
}
