// @ts-check
/**
 * The crop box on the query photo. With a mouse or a finger: draw a box, move it, or pull its corners.
 * With the keyboard: arrows move the box, Shift and arrows resize it, and Escape removes it.
 */

import { boxOf, hit, lay } from "./dom.js";

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{x: number, y: number, width: number, height: number}} Box in fractions
 */

const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const SMALLEST = 0.08; // share of the photo's sides; smaller boxes are accidents
const STEP = 0.04;
const PAUSE = 250; // milliseconds without a key before the search starts
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let pausing = 0;

/** The box as in the address; "" if it is the whole photo. */
function written(/** @type {Box} */ { x, y, width, height }) {
  if (width > 0.995 && height > 0.995) return "";
  return [x, y, width, height].map((number) => Number(number.toFixed(4))).join(",");
}

const within = (/** @type {number} */ value, most = 1) => Math.min(Math.max(value, 0), most);

/** @returns {Box} */
function between(/** @type {Point} */ a, /** @type {Point} */ b) {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return { x, y, width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
}

/** @returns {Box} */
function moved(/** @type {Box} */ box, /** @type {number} */ dx, /** @type {number} */ dy) {
  return { ...box, x: within(box.x + dx, 1 - box.width), y: within(box.y + dy, 1 - box.height) };
}

/** @returns {Box} */
function resized(/** @type {Box} */ box, /** @type {number} */ dx, /** @type {number} */ dy) {
  const width = Math.max(SMALLEST, Math.min(box.width + dx, 1 - box.x));
  const height = Math.max(SMALLEST, Math.min(box.height + dy, 1 - box.y));
  return { ...box, width, height };
}

/** The box after a pointer has moved from one point of the photo to another. */
function pulled(
  /** @type {string | undefined} */ grip,
  /** @type {Box} */ old,
  /** @type {Point} */ from,
  /** @type {Point} */ to,
) {
  if (grip === "box") return moved(old, to.x - from.x, to.y - from.y);
  if (!grip) return between(from, to);
  const fixed = {
    x: grip.includes("w") ? old.x + old.width : old.x,
    y: grip.includes("n") ? old.y + old.height : old.y,
  };
  return between(fixed, to);
}

/** @returns {Point} */
function place(/** @type {PointerEvent} */ event, /** @type {DOMRect} */ photo) {
  const x = within((event.clientX - photo.left) / photo.width);
  return { x, y: within((event.clientY - photo.top) / photo.height) };
}

/** Show the box of the photo in this part of the page. */
export function placeBox(/** @type {ParentNode} */ part) {
  const figure = part.querySelector("[data-crop]");
  if (figure instanceof HTMLElement) draw(figure, boxOf(figure.dataset.crop) ?? WHOLE);
}

function draw(/** @type {HTMLElement} */ figure, /** @type {Box} */ box) {
  const handle = figure.querySelector(".crop-box");
  if (handle instanceof HTMLElement) lay(handle, box);
  figure.dataset.crop = written(box);
  figure.classList.toggle("is-cropped", Boolean(figure.dataset.crop));
}

/**
 * Listen for boxes on the query picture.
 * @param {HTMLElement} results
 * @param {(crop: string) => void} use
 */
export function listen(results, use) {
  results.addEventListener("pointerdown", (event) => drag(event, use));
  results.addEventListener("keydown", (event) => press(event, use));
  results.addEventListener("click", (event) => {
    const figure = hit(event, ".crop-reset") && hit(event, "[data-crop]");
    if (!figure) return;
    change(figure, WHOLE, use);
    const box = figure.querySelector(".crop-box"); // the button that had the focus is gone
    if (box instanceof HTMLElement) box.focus();
  });
}

function change(
  /** @type {HTMLElement} */ figure,
  /** @type {Box} */ box,
  /** @type {(crop: string) => void} */ use,
) {
  clearTimeout(pausing);
  draw(figure, box);
  use(figure.dataset.crop ?? "");
}

function drag(/** @type {PointerEvent} */ event, /** @type {(crop: string) => void} */ use) {
  const [photo, figure] = [hit(event, ".query-photo"), hit(event, "[data-crop]")];
  if (!photo || !figure || event.button || !event.isPrimary) return;
  const old = boxOf(figure.dataset.crop) ?? WHOLE;
  const handle = hit(event, "[data-grip]")?.dataset.grip;
  const grip = handle === "box" && !figure.dataset.crop ? undefined : handle;
  const edges = photo.getBoundingClientRect();
  const from = place(event, edges);
  let box = old;
  photo.setPointerCapture(event.pointerId);
  const ending = new AbortController();
  const follow = (/** @type {PointerEvent} */ next) =>
    draw(figure, (box = pulled(grip, old, from, place(next, edges))));
  const end = (/** @type {PointerEvent} */ { type }) => {
    ending.abort();
    const isSlip = type === "pointercancel" || box.width < SMALLEST || box.height < SMALLEST;
    if (isSlip || written(box) === written(old)) draw(figure, old);
    else change(figure, box, use);
  };
  photo.addEventListener("pointermove", follow, ending);
  photo.addEventListener("pointerup", end, ending);
  photo.addEventListener("pointercancel", end, ending);
}

function press(/** @type {KeyboardEvent} */ event, /** @type {(crop: string) => void} */ use) {
  const figure = hit(event, ".crop-box") && hit(event, "[data-crop]");
  if (!figure) return;
  const old = boxOf(figure.dataset.crop) ?? WHOLE;
  const [dx, dy] = (ARROWS[event.key] ?? [0, 0]).map((sign) => sign * STEP);
  if (event.key === "Escape" && figure.dataset.crop) change(figure, WHOLE, use);
  else if (dx || dy) {
    const change = event.shiftKey || !figure.dataset.crop ? resized : moved;
    draw(figure, change(old, dx, dy));
    clearTimeout(pausing);
    pausing = setTimeout(() => use(figure.dataset.crop ?? ""), PAUSE);
  } else return;
  event.preventDefault();
}
