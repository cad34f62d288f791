// @ts-check
/** Showing answers, and keeping the address bar in step with what is shown. */

import { byId } from "./dom.js";

const results = byId("results", HTMLElement);
const spoken = byId("status", HTMLElement);

let shown = here();

/** What the address bar says, without the part that only scrolls. */
function here() {
  return location.pathname + location.search;
}

/** Show other results, and say so to those who don't see them. */
export function show(/** @type {DocumentFragment} */ content) {
  results.replaceChildren(content);
  announce();
}

/** Show what an option changed; the filters themselves stay in the shopper's hand. */
export function showChanged(/** @type {DocumentFragment} */ content) {
  const parts = [...content.querySelectorAll("[data-part]")];
  if (!parts.length || !results.querySelector("[data-part]")) return show(content);
  const focused = document.activeElement;
  for (const part of parts) {
    const name = part.getAttribute("data-part");
    results.querySelector(`[data-part="${name}"]`)?.replaceWith(part);
  }
  for (const { id, placeholder } of content.querySelectorAll("input"))
    if (placeholder) byId(id, HTMLInputElement).placeholder = placeholder;
  if (focused instanceof HTMLElement && !focused.isConnected) focusLike(focused);
  announce();
}

/** Focus what stands in for an element that was replaced, or else the title of the results. */
function focusLike(/** @type {HTMLElement} */ gone) {
  const inputs = [...results.querySelectorAll("input")];
  const same = gone.id
    ? document.getElementById(gone.id)
    : gone instanceof HTMLInputElement &&
      inputs.find((input) => input.name === gone.name && input.value === gone.value);
  if (same) same.focus({ preventScroll: true });
  else focusTitle();
}

/** Take those who read with the keyboard to the title of the results. */
export function focusTitle() {
  const title = results.querySelector(".found-title");
  if (title instanceof HTMLElement) title.focus({ preventScroll: true });
}

function announce() {
  const words = results.querySelector(".found-words")?.textContent ?? "";
  spoken.textContent = words.replace(/\s+/g, " ").trim();
}

/** Hide at once what is below a threshold; what comes back from the server brings the rest. */
export function hideBelow(/** @type {number} */ threshold) {
  for (const card of results.querySelectorAll(".found > .grid > .card"))
    if (card instanceof HTMLElement) card.hidden = Number(card.dataset.score) < threshold;
}

/**
 * Put the cards of the next page below those that are there.
 * @returns {boolean} false where the catalog has changed between the two
 */
export function append(/** @type {DocumentFragment} */ content) {
  const [old, fresh] = [results, content].map((part) => part.querySelector(".found"));
  const [grid, more] = [old, fresh].map((found) => found?.querySelector(":scope > .grid"));
  if (!(old instanceof HTMLElement && fresh instanceof HTMLElement)) return false;
  if (!grid || !more || old.dataset.generation !== fresh.dataset.generation) return false;
  const first = more.querySelector("a");
  grid.append(...more.children);
  const [pages, others] = [old, fresh].map((found) => found.querySelector(".pages"));
  if (others) pages?.replaceWith(others);
  else pages?.remove();
  first?.focus({ preventScroll: true });
  return true;
}

/** Put what is shown into the address bar, as a new entry of the history or in place of one. */
export function remember(/** @type {string} */ url, replace = false) {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  shown = here();
}

/** The address that back and forward led to; null where it is that of what is shown. */
export function elsewhere() {
  if (shown === here()) return null;
  return (shown = here());
}
