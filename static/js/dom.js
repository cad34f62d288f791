// @ts-check
/** The page's own parts, found or copied. */

document.documentElement.classList.add("scripted"); // what only a script can do may show

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

/** What a `<template>` holds, to be put on the page. */
export function copyOf(/** @type {string} */ template) {
  return document.importNode(byId(template, HTMLTemplateElement).content, true);
}

/** The link or button that an event hit. */
export function hit(/** @type {Event} */ { target }, /** @type {string} */ selector) {
  const found = target instanceof Element && target.closest(selector);
  return found instanceof HTMLElement ? found : null;
}

/** Whether a click is one that opens another tab or window. */
export function isElsewhere(/** @type {MouseEvent} */ event) {
  return event.button > 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
}

/** The four numbers of a box, as `x,y,width,height` in fractions; null where it is none. */
export function boxOf(/** @type {string | undefined} */ text) {
  const numbers = (text || "").split(",").map(Number);
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) return null;
  const [x, y, width, height] = numbers;
  return { x, y, width, height };
}

/** Lay an element over that part of its parent. A style attribute would break our policy. */
export function lay(
  /** @type {HTMLElement} */ element,
  /** @type {{x: number, y: number, width: number, height: number}} */ box,
) {
  element.style.left = `${100 * box.x}%`;
  element.style.top = `${100 * box.y}%`;
  element.style.width = `${100 * box.width}%`;
  element.style.height = `${100 * box.height}%`;
}
