/** How every application begins. */

import { fill, h } from "./dom.js";
import { loadMessages, t } from "./i18n.js";
import { page } from "./page.js";
import { start } from "./router.js";
import { failure, isLarge, loading, setLarge } from "./ui.js";

/**
 * Load the words and show the screens. `frame(content, name)` gives what stands around a screen. `wide`: for desks
 * rather than phones, with the navigation at the side where there is room.
 */
export async function boot(screens, frame, { wide = false } = {}) {
  setLarge(isLarge());
  // By the object model: a style attribute would be refused by the page's policy.
  document.documentElement.style.setProperty("--brand", page.colour);
  await loadMessages();
  const into = document.getElementById("app");
  const bar = h("p", { class: "offline", role: "status", hidden: navigator.onLine }, t("offline"));
  addEventListener("online", () => { bar.hidden = true; });
  addEventListener("offline", () => { bar.hidden = false; });
  const main = h("div", { class: wide ? "shell wide" : "shell" });
  fill(into, bar, main);
  await start(main, screens, { frame, failed: failure, loading });
  if (page.worker && "serviceWorker" in navigator) register();
}

function register() {
  const rules = { createScriptURL: (address) => (address === page.worker ? address : "") };
  const policy = window.trustedTypes?.createPolicy("camellia", rules);
  navigator.serviceWorker.register(policy ? policy.createScriptURL(page.worker) : page.worker).catch(() => {
    // Without it the pages work as long as there is a connection.
  });
}
