/** Applying to become a merchant. */

import { get, post } from "../shared/api.js";
import { fill, h } from "../shared/dom.js";
import { named, t } from "../shared/i18n.js";
import { onDay, wonIn } from "../shared/money.js";
import { facts, field, form, head, linkButton, wonField } from "../shared/ui.js";

const TRADES = ["5812", "5814", "5462", "5813", "5411", "5499", "5912", "8099", "8299", "5942", "7230", "7210", "5651", "5311", "5999"];
const BANKS = ["032", "011", "081", "004", "020", "088", "003", "090"];

export async function apply() {
  const place = h("div", { class: "stack narrow" });
  const { districts } = await get("");
  fill(
    place,
    head(t("apply.title"), "enter"),
    h("p", {}, t("apply.how")),
    form(
      async (values) => sent(place, await post("/merchants", body(values))),
      t("apply.send"),
      field(t("apply.number"), { name: "business_number", inputmode: "numeric", required: true, maxlength: 14, placeholder: "000-00-00000" }),
      field(t("apply.name"), { name: "name", required: true, maxlength: 25 }, t("apply.name_hint")),
      field(t("apply.trade"), { name: "mcc", options: TRADES.map((code) => [code, t(`mcc.${code}`)]) }),
      field(t("apply.district"), { name: "district", options: districts.map((one) => [one.number, named(one)]) }),
      wonField(t("apply.sales"), { name: "sales", required: true }, t("apply.sales_hint")),
      field(t("apply.bank"), { name: "bank_code", options: BANKS.map((code) => [code, t(`bank.${code}`)]) }),
      field(t("apply.account"), { name: "number", inputmode: "numeric", required: true, maxlength: 34 }),
      field(t("apply.holder"), { name: "holder", required: true, maxlength: 140 }),
    ),
  );
  return place;
}

function body(values) {
  return {
    business_number: values.business_number,
    name: values.name,
    mcc: values.mcc,
    district: Number(values.district),
    yearly_sales_won: wonIn(values.sales),
    account: { bank_code: values.bank_code, number: values.number, holder: values.holder },
  };
}

function sent(place, made) {
  fill(
    place,
    head(t("apply.done")),
    h("p", { role: "status" }, t("apply.done_hint")),
    facts([t("apply.name"), made.name], [t("apply.reference"), made.application], [t("apply.at"), onDay(made.applied_at)]),
    linkButton(t("apply.back"), "enter", "plain"),
  );
}
