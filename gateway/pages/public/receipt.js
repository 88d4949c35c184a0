/** Is this receipt true? Pasted, opened as a file, or scanned. */

import { get, Problem } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { dayAndTime, grouping, won } from "../shared/money.js";
import { onLeave } from "../shared/router.js";
import { button, facts, head, icon, problemBox, warning } from "../shared/ui.js";
import { contentOf, receiptIn, rootOf } from "./proof.js";

export function check() {
  const text = h("textarea", { id: "receipt", spellcheck: "false", rows: 8 });
  const found = h("div", { class: "stack", role: "status", "data-testid": "verdict" });
  const camera = h("div", { class: "stack" });
  const file = h("input", { type: "file", accept: "application/json,.json,text/plain", id: "receipt-file" });
  const look = () => verdict(text.value, found);
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    text.value = await file.files[0].text();
    look();
  });
  const scan = async () => {
    try {
      const { scanner } = await import("../shared/scanner.js");
      const made = scanner((told) => {
        fill(camera);
        text.value = told;
        look();
      }, t("receipt.camera"));
      onLeave(made.stop);
      fill(camera, made.element, button(t("close"), () => { made.stop(); fill(camera); }, { kind: "plain" }));
      await made.ready;
    } catch {
      fill(camera, warning(t("receipt.no_camera")));
    }
  };
  return [
    head(t("receipt.title")),
    h("p", {}, t("receipt.why")),
    h("div", { class: "field" }, h("label", { for: "receipt" }, t("receipt.text")), text),
    h("div", { class: "choice" }, button(t("receipt.check"), look), button(t("receipt.scan"), scan, { kind: "plain" })),
    h("div", { class: "field" }, h("label", { for: "receipt-file" }, t("receipt.file")), file),
    camera,
    found,
  ];
}

async function verdict(text, place) {
  const receipt = receiptIn(text);
  if (!receipt) return fill(place, warning(t("receipt.unreadable")));
  fill(place, h("p", { class: "loading" }, t("loading")));
  const root = rootOf(receipt);
  try {
    const anchored = await get(`/batches/${receipt.batch}`);
    return fill(place, root === anchored.root ? genuine(receipt, anchored) : warning(t("receipt.false")), evidence(root, anchored));
  } catch (problem) {
    if (problem instanceof Problem && problem.reason === "NOT_FOUND") return fill(place, warning(t("receipt.no_batch")));
    return fill(place, problemBox(problem));
  }
}

function genuine(receipt, anchored) {
  const told = contentOf(receipt);
  return h(
    "section",
    { class: "card" },
    h("div", { class: told.accepted ? "done" : "done not", "aria-hidden": "true" }, icon(told.accepted ? "done" : "notice")),
    h("p", { class: "middle" }, h("strong", {}, t(told.accepted ? "receipt.true" : "receipt.true_refused"))),
    facts(
      [t("receipt.amount"), won(told.amount_won)],
      [t("receipt.at"), dayAndTime(told.at)],
      [t("receipt.merchant"), grouping(told.merchant)],
      told.accepted && [t("receipt.own"), won(told.own_won)],
      told.accepted && [t("receipt.city"), won(told.amount_won - told.own_won - told.cashback_spent_won)],
      told.accepted && [t("receipt.cashback"), won(told.cashback_earned_won)],
      [t("receipt.batch"), `${grouping(anchored.batch)} · ${grouping(receipt.index + 1)} / ${grouping(anchored.payments)}`],
    ),
    h("p", { class: "code-text quiet" }, told.payment),
  );
}

function evidence(root, anchored) {
  return h(
    "details",
    {},
    h("summary", {}, t("receipt.evidence")),
    h("div", { class: "stack code-text" },
      h("p", {}, t("receipt.root_here"), h("br"), root),
      h("p", {}, t("receipt.root_chain"), h("br"), anchored.root),
      h("p", {}, t("receipt.transaction"), h("br"), anchored.transaction),
      h("p", {}, t("receipt.contract", { chain: anchored.chain_id }), h("br"), anchored.contract)),
    h("p", { class: "hint" }, t("receipt.yourself")),
  );
}
