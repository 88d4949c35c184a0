/** What the gateway wrote into the page about itself. */

const told = document.documentElement.dataset;

export const page = Object.freeze({
  app: told.app,
  role: told.role,
  currency: told.currency,
  brand: told.brand,
  colour: told.colour,
  languages: told.languages.split(" "),
  language: document.documentElement.lang,
  support: told.support,
  root: told.root,
  worker: told.worker ?? null,
});

/** The API of this city. */
export const API = `/v1/${page.currency}`;

/** The address of a page of another application of this city. */
export function appAddress(app, route = "") {
  return `/${page.currency}/${app}/${route}`;
}
