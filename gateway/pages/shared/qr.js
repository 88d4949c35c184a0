/** A QR code as a picture. The encoder is loaded when the first one is drawn. */

import { h } from "./dom.js";

const QUIET = 4; // modules of white around it, as ISO/IEC 18004 asks

/** The picture of a text, named for whoever cannot see it. Level M: a sticker may be scratched. */
export async function qrPicture(text, name) {
  const { default: encodeQR } = await import("../vendor/qr/index.js");
  const modules = encodeQR(text, "raw", { ecc: "medium", border: QUIET });
  const size = modules.length;
  let path = "";
  modules.forEach((row, y) => row.forEach((dark, x) => { if (dark) path += `M${x} ${y}h1v1h-1z`; }));
  return h(
    "div",
    { class: "qr" },
    h("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": name, "shape-rendering": "crispEdges" }, h("path", { d: path, fill: "#000" })),
  );
}
