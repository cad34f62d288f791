// @ts-check
/**
 * The search page without reloads. Its whole state is in the address, and everything except the crop
 * box works with plain forms and links; this script follows them without leaving the page.
 */

import * as crop from "./crop.js";
import { byId, hit, inPercent, opensElsewhere } from "./dom.js";
import * as photos from "./photos.js";
import {
  append, focusTitle, hideBelow, remember, request, show, showChanged, visited,
} from "./results.js";
import * as sheets from "./sheets.js";

const PAUSE = 90; // milliseconds between two requests while the slider moves

const results = byId("results", HTMLElement);

let sent = 0; // when the filters were last sent
let pausing = 0;

/** The address of the search that the filters describe, without empty fields. */
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

/** Search again with the filters as they are now. */
async function refine(/** @type {HTMLFormElement} */ form) {
  clearTimeout(pausing);
  sent = performance.now();
  const answer = await request(addressOf(form));
  if (!answer) return;
  showChanged(answer.content);
  if (answer.ok) remember(answer.url, true);
}

/** Apply the slider at once, and request the results at most every `PAUSE` milliseconds. */
function slide(/** @type {HTMLFormElement} */ form, /** @type {number} */ threshold) {
  byId("threshold-value", HTMLElement).textContent = inPercent(threshold);
  hideBelow(threshold);
  clearTimeout(pausing);
  pausing = setTimeout(refine, Math.max(0, sent + PAUSE - performance.now()), form);
}

/** Search with another part of the photo. */
function useCrop(/** @type {string} */ box) {
  return follow(addressOf(byId("filters", HTMLFormElement), { crop: box }));
}

/** Follow a link that changes an option. */
async function follow(/** @type {string} */ url) {
  const answer = await request(url);
  if (!answer) return;
  showChanged(answer.content);
  if (answer.ok) remember(answer.url);
}

/** Start another search, such as for products like this one. */
async function start(/** @type {string} */ url) {
  const answer = await request(url);
  if (!answer) return;
  showAll(answer.content);
  if (answer.ok) remember(answer.url);
  scrollTo({ top: 0 });
  focusTitle();
}

/** Append the next page. If the catalog has changed, load both pages again as one. */
async function addMore(/** @type {string} */ url) {
  const answer = await request(url);
  if (!answer) return;
  if (!answer.ok) return showAll(answer.content);
  if (append(answer.content)) return remember(answer.url, true);
  const whole = new URL(url);
  const size = results.querySelectorAll(".found > .grid > .card").length;
  whole.searchParams.delete("page");
  whole.searchParams.set("limit", String(Math.min(100, 2 * size)));
  await follow(whole.href);
}

/** Show the results of the address that the back or forward button led to. */
async function goBack() {
  const url = visited();
  const answer = url && (await request(url));
  if (answer) showAll(answer.content);
}

function showAll(/** @type {DocumentFragment} */ content) {
  photos.settle();
  show(content);
  crop.placeBox(results);
}

addEventListener("popstate", goBack);

results.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return;
  const { form } = target;
  if (!form || target.type === "number" || (target.type === "search" && target.value)) return;
  if (target.type === "range") slide(form, Number(target.value));
  else refine(form);
});

results.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && /number|search/.test(target.type) && target.form)
    refine(target.form);
});

results.addEventListener("submit", (event) => {
  const { target: form } = event;
  if (!(form instanceof HTMLFormElement) || form.method === "post") return;
  event.preventDefault();
  refine(form);
});

/** Functions by the `data-do` of a link. */
const LINKS = { start, follow, more: addMore };

results.addEventListener("click", (event) => {
  const link = hit(event, "a[data-do]");
  if (!(link instanceof HTMLAnchorElement) || opensElsewhere(event)) return;
  event.preventDefault();
  LINKS[/** @type {keyof LINKS} */ (link.dataset.do)](link.href);
});

crop.listen(results, useCrop);
crop.placeBox(results);
photos.listen(showAll);
sheets.listen();
