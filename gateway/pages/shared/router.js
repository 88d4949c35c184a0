/** One document, many screens: the part of the address behind # names the screen. */

import { fill, h } from "./dom.js";

let leaving = [];

/** Call this when the screen that is being shown is left: to stop a camera, a timer, a stream. */
export function onLeave(act) {
  leaving.push(act);
}

/** Go to a screen. `replace`: the one before cannot be gone back to. */
export function go(route, replace = false) {
  if (replace) history.replaceState(null, "", `#/${route}`);
  else history.pushState(null, "", `#/${route}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The route that is shown, in parts: "payment/7c9…" is ["payment", "7c9…"]. */
export function route() {
  return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
}

/**
 * Show screens in `into`. `screens[name](...rest of the route)` returns elements, or a promise of them; `frame`
 * gets them and returns what is shown around them. `failed(problem)` returns what is shown when one cannot be.
 */
export function start(into, screens, { frame, failed, loading }) {
  let shown = 0;
  const show = async () => {
    const turn = (shown += 1);
    const acts = leaving;
    leaving = [];
    for (const act of acts) act();
    const [name, ...rest] = route();
    const screen = screens[name] ?? screens[""];
    const waiting = setTimeout(() => turn === shown && fill(into, frame(loading(), name)), 300);
    let made;
    try {
      made = await screen(...rest);
    } catch (problem) {
      made = failed(problem);
    }
    clearTimeout(waiting);
    if (turn !== shown) return;
    fill(into, frame(made, name));
    scrollTo(0, 0);
    // Whoever does not see the screen is told where they are.
    const heading = into.querySelector("h1");
    if (heading && !into.querySelector("[autofocus]")) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
    into.querySelector("[autofocus]")?.focus();
  };
  addEventListener("hashchange", show);
  return show();
}

/** A link to a screen. */
export function link(to, properties, ...children) {
  // To where one is already: the screen begins anew, though the address stays.
  const again = (event) => {
    if (location.hash !== `#/${to}`) return;
    event.preventDefault();
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  return h("a", { ...properties, href: `#/${to}`, onclick: again }, ...children);
}
