// @ts-check
/**
 * The results on the search page: requesting them, showing them, and keeping the address bar in step.
 * Requests are those of the plain forms and links, with the header `X-Fragment`, and the server then
 * returns only the results. A new request aborts the one before.
 */

import { byId, copyOf } from "./dom.js";
import { closeSheet } from "./sheets.js";

/**
 * @typedef {{url: string, ok: boolean, content: DocumentFragment}} Answer
 * @typedef {"reading" | "searching"} Stage
 */

const results = byId("results", HTMLElement);
const status = byId("status", HTMLElement);
const busy = byId("busy", HTMLElement);

let running = new AbortController();
let shown = currentAddress();

/** Abort the running request. Returns the signal that aborts the next one. */
export function begin(/** @type {Stage} */ stage) {
  running.abort();
  running = new AbortController();
  results.setAttribute("aria-busy", "true");
  report(stage);
  return running.signal;
}

/** Say what is going on. */
export function report(/** @type {Stage} */ stage) {
  busy.textContent = status.textContent = status.dataset[stage] ?? "";
}

/**
 * Request results.
 * @param {string} url
 * @param {RequestInit} [options]
 * @param {AbortSignal} [signal] from `begin`, if it has been called
 * @returns {Promise<Answer | null>} null if another request has begun since
 */
export async function request(url, options = {}, signal = begin("searching")) {
  try {
    const response = await fetch(url, { ...options, signal, headers: { "X-Fragment": "1" } });
    return { url: response.url, ok: response.ok, content: parsed(await response.text()) };
  } catch {
    return signal.aborted ? null : { url, ok: false, content: copyOf("unreachable") };
  } finally {
    if (signal === running.signal) results.removeAttribute("aria-busy");
  }
}

/** The results in an answer. A whole page comes from a proxy or is an error page. */
function parsed(/** @type {string} */ html) {
  if (/^\s*<(!doctype|html)/i.test(html)) return copyOf("unreadable");
  const template = document.createElement("template"); // scripts in it do not run
  template.innerHTML = html;
  return template.content;
}

/** Replace the results, and announce them to screen readers. */
export function show(/** @type {DocumentFragment} */ content) {
  closeSheet();
  results.replaceChildren(content);
  announce();
}

/** Replace what an option changes, but keep the filters, which the shopper may be using. */
export function showChanged(/** @type {DocumentFragment} */ content) {
  const parts = [...content.querySelectorAll("[data-part]")];
  if (!parts.length || !results.querySelector("[data-part]")) return show(content);
  const focused = document.activeElement;
  for (const part of parts) {
    const old = results.querySelector(`[data-part="${part.getAttribute("data-part")}"]`);
    part.toggleAttribute("inert", Boolean(old?.hasAttribute("inert"))); // behind an open sheet
    old?.replaceWith(part);
  }
  for (const { id, placeholder } of content.querySelectorAll("input"))
    if (placeholder) byId(id, HTMLInputElement).placeholder = placeholder;
  if (focused instanceof HTMLElement && !focused.isConnected) focusReplacement(focused);
  announce();
}

/** Focus the element that replaced another one, or else the title of the results. */
function focusReplacement(/** @type {HTMLElement} */ replaced) {
  const inputs = [...results.querySelectorAll("input")];
  const same = replaced.id
    ? document.getElementById(replaced.id)
    : replaced instanceof HTMLInputElement &&
      inputs.find((input) => input.name === replaced.name && input.value === replaced.value);
  if (same) same.focus({ preventScroll: true });
  else focusTitle();
}

/** Focus the title of the results, for those who use the keyboard. */
export function focusTitle() {
  const title = results.querySelector(".found-title");
  if (title instanceof HTMLElement) title.focus({ preventScroll: true });
}

function announce() {
  const words = results.querySelector(".found-words")?.textContent ?? "";
  status.textContent = words.replace(/\s+/g, " ").trim();
}

/** Hide products below a threshold at once, before the server answers. */
export function hideBelow(/** @type {number} */ threshold) {
  for (const card of results.querySelectorAll(".found > .grid > .card"))
    if (card instanceof HTMLElement) card.hidden = Number(card.dataset.score) < threshold;
}

/**
 * Append the cards of the next page.
 * @returns {boolean} false if the catalog has changed since the first page
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

/** Put the address of the shown results into the address bar, as a new entry or in place of one. */
export function remember(/** @type {string} */ url, replace = false) {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  shown = currentAddress();
}

/** The address that back or forward led to; null if its results are already shown. */
export function visited() {
  if (shown === currentAddress()) return null;
  return (shown = currentAddress());
}

/** The address without its fragment, which only scrolls. */
function currentAddress() {
  return location.pathname + location.search;
}
