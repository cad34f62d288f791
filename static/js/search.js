// @ts-check
/**
 * The search page without reloads. All of its state lives in the address, and all but the crop box
 * works as plain forms and links: this file follows them without leaving the page.
 */

import { ask } from "./asking.js";
import * as crop from "./crop.js";
import { byId, hit, isElsewhere } from "./dom.js";
import * as giving from "./giving.js";
import {
  append, elsewhere, focusTitle, hideBelow, remember, show, showChanged,
} from "./showing.js";

const PAUSE = 90; // milliseconds between two questions while the slider moves

const results = byId("results", HTMLElement);

let asked = 0; // when the slider asked last
let pausing = 0;

/** The address of what the filters say now; what is left empty is left out. */
function addressOf(
  /** @type {HTMLFormElement} */ form,
  /** @type {Record<string, string>} */ changes = {},
) {
  const given = new FormData(form);
  for (const [name, value] of Object.entries(changes)) given.set(name, value);
  const written = new URLSearchParams();
  for (const [name, value] of given)
    if (typeof value === "string" && value) written.append(name, value);
  return `${form.action}?${written}`.replaceAll("%2C", ",");
}

/** Ask again with what the filters say now. */
async function refine(/** @type {HTMLFormElement} */ form) {
  clearTimeout(pausing);
  asked = performance.now();
  const answer = await ask(addressOf(form));
  if (!answer) return;
  showChanged(answer.content);
  if (answer.ok) remember(answer.url, true);
}

/** Let the slider act at once, and the server follow as fast as it is polite. */
function slide(/** @type {HTMLFormElement} */ form, /** @type {number} */ threshold) {
  byId("threshold-value", HTMLElement).textContent = `${Math.round(100 * threshold)}%`;
  hideBelow(threshold);
  clearTimeout(pausing);
  pausing = setTimeout(refine, Math.max(0, asked + PAUSE - performance.now()), form);
}

/** Look for another part of the picture. */
function useCrop(/** @type {string} */ box) {
  return follow(addressOf(byId("filters", HTMLFormElement), { crop: box }));
}

/** Follow a link that changes an option. */
async function follow(/** @type {string} */ url) {
  const answer = await ask(url);
  if (!answer) return;
  showChanged(answer.content);
  if (answer.ok) remember(answer.url);
}

/** Search for what looks like a product. */
async function start(/** @type {string} */ url) {
  const answer = await ask(url);
  if (!answer) return;
  showAll(answer.content);
  if (answer.ok) remember(answer.url);
  scrollTo({ top: 0 });
  focusTitle();
}

/** Add the next page below. Where the catalog has changed since, all is read anew, in one piece. */
async function addMore(/** @type {string} */ url) {
  const answer = await ask(url);
  if (!answer) return;
  if (!answer.ok) return showAll(answer.content);
  if (append(answer.content)) return remember(answer.url, true);
  const whole = new URL(url);
  const size = results.querySelectorAll(".found > .grid > .card").length;
  whole.searchParams.delete("page");
  whole.searchParams.set("limit", String(Math.min(100, 2 * size)));
  await follow(whole.href);
}

/** Go where the back and forward buttons point. */
async function goBack() {
  const url = elsewhere();
  const answer = url && (await ask(url));
  if (answer) showAll(answer.content);
}

function showAll(/** @type {DocumentFragment} */ content) {
  giving.settle();
  show(content);
  crop.placeBox(results);
}

addEventListener("popstate", goBack);

results.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return;
  const { form } = target;
  if (!form || target.type === "number") return;
  if (target.type === "range") slide(form, Number(target.value));
  else refine(form);
});

results.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && target.type === "number" && target.form)
    refine(target.form);
});

results.addEventListener("submit", (event) => {
  const { target: form } = event;
  if (!(form instanceof HTMLFormElement) || form.method === "post") return;
  event.preventDefault();
  refine(form);
});

/** Links by what they do. */
const LINKS = { start, follow, more: addMore };

results.addEventListener("click", (event) => {
  const link = hit(event, "a[data-do]");
  if (!(link instanceof HTMLAnchorElement) || isElsewhere(event)) return;
  event.preventDefault();
  LINKS[/** @type {keyof LINKS} */ (link.dataset.do)](link.href);
});

crop.listen(results, useCrop);
crop.placeBox(results);
giving.listen(showAll);
