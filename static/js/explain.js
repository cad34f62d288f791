// @ts-check
/**
 * Why a product matches: both pictures, bright where they agree. The network averages a grid of
 * regions, so each region adds its own part to the score, and these parts are drawn.
 */

import { byId, hit, inPercent, lay } from "./dom.js";

/**
 * @typedef {{regions: number[][], frame: [number, number, number, number], image_src: string}} Side
 * @typedef {{score: number, look: number, colour: number, query: Side, product: Side}} Reasons
 */

const DARKEST = 0.82; // opacity of the shade over regions that add nothing

const dialog = byId("why", HTMLDialogElement);
const place = byId("why-place", HTMLElement);

let running = new AbortController();

document.addEventListener("click", (event) => {
  const button = hit(event, "[data-explain]");
  if (button) open(button);
  else if (event.target === dialog) dialog.close(); // the backdrop
});

dialog.addEventListener("close", () => running.abort());

/** Open the dialog, and show the reasons when they arrive. */
async function open(/** @type {HTMLElement} */ button) {
  running.abort();
  const { signal } = (running = new AbortController());
  dialog.classList.remove("is-ready", "is-refused");
  byId("why-name", HTMLElement).textContent = button.dataset.name ?? "";
  byId("why-words", HTMLElement).textContent = button.dataset.words ?? "";
  place.textContent = place.dataset.reading ?? "";
  if (!dialog.open) dialog.showModal();
  try {
    const response = await fetch(button.dataset.explain ?? "", { signal });
    if (!response.ok) return refuse();
    const reasons = await response.json();
    await Promise.all([light("query", reasons.query), light("product", reasons.product)]);
    if (!signal.aborted) tell(reasons);
  } catch {
    if (!signal.aborted) refuse();
  }
}

function refuse() {
  dialog.classList.add("is-refused");
  place.textContent = place.dataset.refused ?? "";
}

function tell(/** @type {Reasons} */ reasons) {
  share("look", reasons.look);
  share("colour", reasons.colour);
  const [ours, theirs] = [reasons.query, reasons.product].map(({ regions }) => brightest(regions));
  const words = place.dataset.agree ?? "";
  place.textContent = words.replace("{ours}", ours).replace("{theirs}", theirs);
  dialog.classList.add("is-ready");
}

function share(/** @type {string} */ what, /** @type {number} */ value) {
  const part = Math.min(Math.max(value, 0), 1);
  byId(`why-${what}`, HTMLMeterElement).value = Math.round(100 * part);
  byId(`why-${what}-value`, HTMLElement).textContent = inPercent(part);
}

/** Show a picture under a shade that is lighter where a region adds more. */
async function light(
  /** @type {string} */ side,
  /** @type {Side} */ { regions, frame, image_src },
) {
  const image = Object.assign(new Image(), { alt: "", src: image_src });
  await image.decode();
  const canvas = document.createElement("canvas");
  const [x, y, width, height] = frame;
  lay(canvas, { x, y, width, height });
  shade(canvas, regions);
  byId(`why-${side}`, HTMLElement).replaceChildren(image, canvas);
}

function shade(/** @type {HTMLCanvasElement} */ canvas, /** @type {number[][]} */ regions) {
  const [rows, columns] = [regions.length, regions[0].length];
  const most = Math.max(...regions.flat(), Number.EPSILON);
  Object.assign(canvas, { width: columns, height: rows }); // the browser scales it up smoothly
  const context = canvas.getContext("2d");
  if (!context) return;
  const pixels = context.createImageData(columns, rows);
  regions.flat().forEach((part, i) => {
    pixels.data[4 * i + 3] = 255 * DARKEST * (1 - Math.max(part, 0) / most);
  });
  context.putImageData(pixels, 0, 0);
}

/** The place of a picture that adds most, in words. */
function brightest(/** @type {number[][]} */ regions) {
  const places = (place.dataset.places ?? "").split("|");
  let [sum, down, right] = [0, 0, 0];
  regions.forEach((row, y) => row.forEach((part, x) => {
    const weight = Math.max(part, 0) ** 2; // emphasises the brightest regions
    sum += weight;
    down += weight * (y + 0.5);
    right += weight * (x + 0.5);
  }));
  const third = (/** @type {number} */ at, /** @type {number} */ size) =>
    at < 0.42 * size * sum ? 0 : at > 0.58 * size * sum ? 2 : 1;
  return places[3 * third(down, regions.length) + third(right, regions[0].length)];
}
