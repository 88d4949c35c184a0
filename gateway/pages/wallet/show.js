/** The citizen's own code: three minutes, one use, up to the sum that was allowed. */

import { get, newKey, post } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { won, wonIn } from "../shared/money.js";
import { onLeave } from "../shared/router.js";
import { qrPicture } from "../shared/qr.js";
import { button, form, head, linkButton, pinField, wonField } from "../shared/ui.js";
import { receiptOf } from "./receipt.js";

const LOOK_AGAIN = 1500;
const ENDED = ["confirmed", "settled", "rejected", "partly_refunded", "refunded"];

export function show() {
  const place = h("div", { class: "stack" });
  ask(place);
  return place;
}

function ask(place) {
  fill(
    place,
    head(t("show.title"), ""),
    h("p", {}, t("show.how")),
    form(
      async ({ limit, pin }) => {
        const before = await newest();
        const pass = await post("/passes", { limit_won: wonIn(limit), pin }, newKey());
        await showing(place, pass, before);
      },
      t("show.make"),
      wonField(t("show.limit"), { name: "limit", required: true, value: "50,000" }, t("show.limit_hint")),
      pinField(t("pay.pin")),
    ),
  );
}

async function showing(place, pass, before) {
  const picture = await qrPicture(pass.qr, t("show.picture"));
  const seconds = h("strong", { "data-testid": "seconds" });
  const line = h("p", { class: "middle", role: "timer" }, t("show.left"), " ", seconds);
  // By a clock that only runs forward: the phone's own may be wrong.
  const end = performance.now() + pass.lives_seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    seconds.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (!left) over(place);
  };
  const ticking = setInterval(tick, 250);
  const looking = setInterval(async () => {
    const now = await newest().catch(() => before);
    if (now && now.payment !== before?.payment && now.kind === "customer_qr" && ENDED.includes(now.state)) {
      stop();
      paid(place, now);
    }
  }, LOOK_AGAIN);
  const stop = () => {
    clearInterval(ticking);
    clearInterval(looking);
  };
  const over = () => {
    stop();
    fill(place, head(t("show.over"), ""), h("p", {}, t("show.over_hint")), button(t("show.again"), () => ask(place)));
  };
  onLeave(stop);
  fill(
    place,
    head(t("show.title"), ""),
    picture,
    line,
    h("p", { class: "middle" }, t("show.up_to", { sum: won(pass.limit_won) })),
    button(t("show.new"), () => {
      stop();
      ask(place);
    }, { kind: "plain" }),
  );
  tick();
}

function paid(place, payment) {
  if (payment.state === "rejected") {
    fill(place, head(t("pay.refused")), h("p", {}, t(`reason.${payment.reason}`)), button(t("show.again"), () => ask(place)));
  } else {
    fill(place, ...receiptOf(payment), linkButton(t("pay.home"), ""));
  }
}

async function newest() {
  return (await get("/payments", { limit: 1 })).payments[0] ?? null;
}
