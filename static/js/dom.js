// @ts-check
/** Finds, copies and positions elements, and writes numbers. */

document.documentElement.classList.add("scripted"); // shows what needs a script

const language = `${document.documentElement.lang}-u-nu-latn`; // with the digits of the pages

/** A number in the format of the page's language. */
export function formatted(
  /** @type {number} */ number,
  /** @type {Intl.NumberFormatOptions} */ options = {},
) {
  return number.toLocaleString(language, options);
}

/** A share (0 to 1) in whole percent. */
export const inPercent = (/** @type {number} */ share) => formatted(share, { style: "percent" });

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`There is no ${type.name} #${id}.`);
}

/** A copy of a template's content. */
export function copyOf(/** @type {string} */ template) {
  return document.importNode(byId(template, HTMLTemplateElement).content, true);
}

/** The element that an event hit, if it or a parent matches. */
export function hit(/** @type {Event} */ { target }, /** @type {string} */ selector) {
  const found = target instanceof Element && target.closest(selector);
  return found instanceof HTMLElement ? found : null;
}

/** Whether a click opens another tab or window. */
export function opensElsewhere(/** @type {MouseEvent} */ event) {
  return event.button > 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
}

/** The box that `x,y,width,height` describes, in fractions; null if the text is not a box. */
export function boxOf(/** @type {string | undefined} */ text) {
  const numbers = (text || "").split(",").map(Number);
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) return null;
  const [x, y, width, height] = numbers;
  return { x, y, width, height };
}

/** Place an element over a part of its parent. A style attribute would violate our policy. */
export function lay(
  /** @type {HTMLElement} */ element,
  /** @type {{x: number, y: number, width: number, height: number}} */ box,
) {
  element.style.left = `${100 * box.x}%`;
  element.style.top = `${100 * box.y}%`;
  element.style.width = `${100 * box.width}%`;
  element.style.height = `${100 * box.height}%`;
}
