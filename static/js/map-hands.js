// @ts-check
/** Mouse, fingers and keys on the map. */

import { byId, hit } from "./dom.js";

/** @typedef {import("./map-camera.js").Camera} Camera */
/** @typedef {import("./map-points.js").Points} Points */
/** @typedef {import("./map-tip.js").Tip} Tip */

const STEP = 1.6; // how much nearer a button or a key brings
const STRIDE = 80; // pixels that a key moves the map by
const STILL = 5; // pixels that a click may slip
const FINGER = 26; // pixels within which a finger means a dot
const GLIDE = 180; // milliseconds that a step takes
/** @type {Record<string, number>} */
const ZOOMS = { in: STEP, out: 1 / STEP }; // by button; the third shows all
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @param {() => void} redraw
 */
export function listen(canvas, camera, points, tip, redraw) {
  const zoom = gliding(camera, points, tip, redraw);
  listenToPointers(canvas, camera, points, tip, redraw);
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!press(event, camera, points, tip, zoom)) return;
    event.preventDefault();
    redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 30;
    const speed = event.ctrlKey ? 0.01 : 0.002; // a pinch on a touchpad comes as a small wheel
    camera.zoomAt(Math.exp(-event.deltaY * lines * speed), event.offsetX, event.offsetY);
    redraw();
  }, { passive: false });
  byId("map-frame", HTMLElement).addEventListener("click", (event) => {
    const button = hit(event, "[data-zoom]");
    if (button) zoom(ZOOMS[button.dataset.zoom ?? ""]);
  });
}

/**
 * Do what a key stands for, and say whether it stands for anything.
 * @param {KeyboardEvent} event
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @param {(factor?: number) => void} zoom
 */
function press({ key, shiftKey }, camera, points, tip, zoom) {
  if (key in ARROWS) {
    const [right, down] = ARROWS[key];
    if (shiftKey) camera.pan(-right * STRIDE, -down * STRIDE);
    else step(camera, points, tip, right, down);
  } else if (key === "+" || key === "=") zoom(STEP);
  else if (key === "-") zoom(1 / STEP);
  else if (key === "0") zoom();
  else if (key === "Enter" && tip.product >= 0) tip.open();
  else if (key === "Escape" && tip.product >= 0) tip.hide();
  else return false;
  return true;
}

/**
 * Go on to the next product, at first to the one in the middle.
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @param {number} right
 * @param {number} down
 */
function step(camera, points, tip, right, down) {
  const middle = () => points.at(camera, camera.width / 2, camera.height / 2, Infinity);
  const next = tip.product < 0 ? middle() : points.beside(camera, tip.product, right, down);
  if (next < 0) return;
  camera.reveal(points.x[next], points.y[next]);
  tip.show(next, { aloud: true });
}

/**
 * Zooms by a factor to the product that is told of, without one back to all; at once for who wants
 * no motion.
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @param {() => void} redraw
 * @returns {(factor?: number) => void}
 */
function gliding(camera, points, tip, redraw) {
  let latest = 0;
  let goal = 0; // the zoom that is glided to, 0 at rest
  return (factor) => {
    const turn = ++latest;
    const from = camera.zoom;
    goal = factor ? (goal || from) * factor : 1;
    let started = 0;
    const glide = (/** @type {number} */ now) => {
      if (turn !== latest) return; // another step goes on from here
      started ||= now;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const share = still ? 1 : Math.min(1, (now - started) / GLIDE);
      camera.zoomAt((from * (goal / from) ** share) / camera.zoom, ...middle(camera, points, tip));
      if (share === 1) goal = 0;
      else requestAnimationFrame(glide);
      if (share === 1 && !factor) camera.reset();
      redraw();
    };
    requestAnimationFrame(glide);
  };
}

/**
 * Where the product is that is told of, nowhere without one.
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @returns {[number, number] | []}
 */
function middle(camera, { x, y }, { product }) {
  return product < 0 ? [] : [camera.left(x[product]), camera.top(y[product])];
}

/**
 * Drag with one pointer, pinch with two, point and click.
 * @param {HTMLCanvasElement} canvas
 * @param {Camera} camera
 * @param {Points} points
 * @param {Tip} tip
 * @param {() => void} redraw
 */
function listenToPointers(canvas, camera, points, tip, redraw) {
  /** @type {Map<number, {x: number, y: number}>} */
  const down = new Map();
  let slipped = 0;

  /** Where the pointers are in the middle, and how far they are apart. */
  function grip() {
    const [a, b = a] = down.values();
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  }

  function drag(/** @type {PointerEvent} */ event) {
    const before = grip();
    down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    const after = grip();
    const [right, lower] = [after.x - before.x, after.y - before.y];
    slipped += Math.hypot(right, lower) + Math.abs(after.apart - before.apart);
    if (slipped <= STILL) return;
    camera.pan(right, lower);
    if (before.apart) camera.zoomAt(after.apart / before.apart, after.x, after.y);
    redraw();
  }

  function point(/** @type {PointerEvent} */ { offsetX, offsetY }) {
    const found = points.at(camera, offsetX, offsetY);
    canvas.classList.toggle("pointing", found >= 0);
    if (found >= 0) tip.show(found);
    else tip.leave();
  }

  /** A finger has no way to point: its first touch shows, the tip is then the link. */
  function click(/** @type {PointerEvent} */ { offsetX, offsetY, pointerType }) {
    const byMouse = pointerType === "mouse";
    const found = points.at(camera, offsetX, offsetY, byMouse ? undefined : FINGER);
    if (found < 0) return tip.hide();
    tip.show(found);
    if (byMouse) tip.open();
  }

  function release(/** @type {PointerEvent} */ event) {
    if (!down.delete(event.pointerId) || down.size) return;
    canvas.classList.remove("dragging");
    if (event.type === "pointerup" && slipped <= STILL) click(event);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!down.size) slipped = 0;
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("dragging");
    down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (down.has(event.pointerId)) drag(event);
    else if (event.pointerType === "mouse") point(event);
  });
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") tip.leave(); // a finger leaves whenever it is lifted
  });
  canvas.addEventListener("blur", () => tip.leave());
}
