// @ts-check
/**
 * Asking for results. The same requests as those of the plain forms and links go out with the
 * header `X-Fragment`, and what comes back is the results alone. A later question ends an
 * earlier one.
 */

import { byId, copyOf } from "./dom.js";

/**
 * @typedef {{url: string, ok: boolean, content: DocumentFragment}} Answer
 * @typedef {"reading" | "searching"} Stage
 */

const results = byId("results", HTMLElement);
const spoken = byId("status", HTMLElement);
const busy = byId("busy", HTMLElement);

let running = new AbortController();

/** End what is asked for, and get the signal that ends what is asked for next. */
export function begin(/** @type {Stage} */ stage) {
  running.abort();
  running = new AbortController();
  results.setAttribute("aria-busy", "true");
  tell(stage);
  return running.signal;
}

/** Say how far it is. */
export function tell(/** @type {Stage} */ stage) {
  busy.textContent = spoken.textContent = spoken.dataset[stage] ?? "";
}

/**
 * Ask for results in place of what was asked before.
 * @param {string} url
 * @param {RequestInit} [request]
 * @param {AbortSignal} [signal] of a question that has begun
 * @returns {Promise<Answer | null>} null where a later question took over
 */
export async function ask(url, request = {}, signal = begin("searching")) {
  try {
    const response = await fetch(url, { ...request, signal, headers: { "X-Fragment": "1" } });
    return { url: response.url, ok: response.ok, content: parsed(await response.text()) };
  } catch {
    return signal.aborted ? null : { url, ok: false, content: copyOf("unreachable") };
  } finally {
    if (signal === running.signal) results.removeAttribute("aria-busy");
  }
}

/** The results in an answer. A whole page is somebody else's: of a proxy, or of an error. */
function parsed(/** @type {string} */ html) {
  if (/^\s*<(!doctype|html)/i.test(html)) return copyOf("unreadable");
  const template = document.createElement("template"); // where no script would run
  template.innerHTML = html;
  return template.content;
}
