// @ts-check
/**
 * The map of the catalog. Whoever can't use it has the same products as a plain list, which the
 * page links to.
 */

import { byId } from "./dom.js";
import { Camera } from "./map-camera.js";
import { Drawing } from "./map-drawing.js";
import { listen } from "./map-hands.js";
import { mark } from "./map-marks.js";
import { Points } from "./map-points.js";
import { Products } from "./map-products.js";
import { Tip } from "./map-tip.js";

const map = byId("map", HTMLElement);
const canvas = byId("map-canvas", HTMLCanvasElement);
const categories = byId("map-categories", HTMLFormElement);
const list = byId("map-list", HTMLAnchorElement);
const status = byId("map-status", HTMLElement);

/** The map, or a sentence why there is none. */
async function load() {
  status.textContent = status.dataset.waiting ?? "";
  try {
    const response = await fetch(map.dataset.points ?? "");
    if (response.ok) return await response.json();
    return status.dataset[response.status === 503 ? "none" : "unreachable"] ?? "";
  } catch {
    return status.dataset.unreachable ?? "";
  }
}

function show(/** @type {import("./map-points.js").Answer} */ answer) {
  map.hidden = false;
  const camera = new Camera();
  const points = new Points(answer);
  const products = new Products(map.dataset.products ?? "", redraw);
  const drawing = new Drawing(canvas, points, products);
  const tip = new Tip(camera, points, products, redraw);
  let waiting = 0;

  function redraw() {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      drawing.draw(camera, tip.product);
      tip.place();
    });
  }

  function resize() {
    camera.resize(canvas.clientWidth, canvas.clientHeight);
    canvas.width = Math.round(camera.width * devicePixelRatio);
    canvas.height = Math.round(camera.height * devicePixelRatio);
    drawing.forget();
    redraw();
  }

  function recolour() {
    drawing.forget();
    for (const [kind, each] of categories.querySelectorAll("canvas").entries())
      each.replaceWith(swatch(kind));
    redraw();
  }

  function choose() {
    points.chosen = new Set(new FormData(categories).getAll("category"));
    remember(points.chosen);
    tip.hide();
    redraw();
  }

  offer(answer.categories);
  categories.addEventListener("input", choose);
  categories.addEventListener("submit", (event) => event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  new ResizeObserver(resize).observe(canvas);
  listen(canvas, camera, points, tip, redraw);
  choose();
}

/** A box for each category, ticked where the address names it. */
function offer(/** @type {string[]} */ names) {
  const chosen = new URLSearchParams(location.search).getAll("category");
  for (const [kind, name] of names.entries()) {
    const chip = Object.assign(document.createElement("label"), { className: "chip" });
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: "category", value: name });
    box.checked = chosen.includes(name);
    chip.append(box, swatch(kind), name);
    categories.append(chip);
  }
}

function swatch(/** @type {number} */ kind) {
  const canvas = mark(map, kind, 6);
  canvas.className = "map-swatch";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

/** Have the choice in the address; the list can show one category or all. */
function remember(/** @type {Set<FormDataEntryValue>} */ chosen) {
  const options = new URLSearchParams([...chosen].map((name) => ["category", String(name)]));
  history.replaceState(null, "", chosen.size ? `?${options}` : location.pathname);
  list.search = `?list=1${chosen.size === 1 ? `&${options}` : ""}`;
}

function counted(/** @type {import("./map-points.js").Answer} */ { shown, total }) {
  const count = (/** @type {number} */ number) => number.toLocaleString(document.documentElement.lang);
  const text = status.dataset.shown ?? "";
  return text.replace("{shown}", count(shown)).replace("{total}", count(total));
}

const answer = await load();
if (typeof answer === "string") status.textContent = answer;
else {
  show(answer);
  status.textContent = counted(answer);
}
