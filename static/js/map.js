/** The map of the catalog. The page also links to a plain list of the same products. */

import { byId, copyOf, formatted } from "./dom.js";
import { drawMark, marksLayer } from "./map-marks.js";
import { getProducts } from "./map-products.js";

const FILLED = 0.88; // share of the frame's sides that the whole map fills at zoom level 0
const MARGIN = (1 / FILLED - 1) / 2; // around it; coordinates on the map are 0 to 1
const CLOSEST = 9; // zoom level
const MIDDLE = [0.5, 0.5];
const PICTURES = 60; // the most products that are shown as pictures
const [MOUSE, FINGER] = [14, 26]; // pixels around a pointer within which a product is meant
const PATIENCE = 300; // milliseconds to move the mouse from a product to the tip
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const ZOOMS = { "+": 1, "=": 1, "-": -1, 0: -CLOSEST }; // levels by key; the buttons name keys

const section = byId("map", HTMLElement);
const frame = byId("map-view", HTMLElement);
const categories = byId("map-categories", HTMLFormElement);
const status = byId("map-status", HTMLElement);
const tip = byId("map-tip", HTMLAnchorElement);
const [picture, title, facts] = tip.children;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Show an answer of `/api/map/`. */
function start({ points, categories: names, ...counts }) {
  section.hidden = false;
  const [ids, x, y, kinds] = [0, 1, 2, 3].map((part) => points.map((point) => point[part]));
  const shown = names.map(() => true);
  const pictures = new Map(); // Leaflet markers by product
  let chosen = -1; // the product of the tip
  let radius = 0; // pixels from a product's place to the edge of its mark or picture
  let [zoomTarget, update, hiding, pointer] = [null, 0, 0, "mouse"];

  const stretched = () =>
    L.transformation(frame.clientWidth * FILLED, 0, frame.clientHeight * FILLED, 0);
  const pixelOf = (i) => map.latLngToContainerPoint([y[i], x[i]]);
  const markerOf = (icon, zIndexOffset) => // only to be looked at
    L.marker([0, 0], { icon, zIndexOffset, alt: "", interactive: false, keyboard: false });
  const roomFor = (count) => Math.sqrt((frame.clientWidth * frame.clientHeight) / (count || 1));
  const markRadius = (level) =>
    Math.min(9, Math.max(2.5, Math.round(roomFor(ids.length) * 2 ** (level / 2) * 0.3) / 2));

  const crs = { ...L.CRS.Simple, transformation: stretched() };
  const map = L.map(frame, {
    crs, center: MIDDLE, zoom: 0, minZoom: 0, maxZoom: CLOSEST, bounceAtZoomLimits: false,
    maxBounds: [[-MARGIN, -MARGIN], [1 + MARGIN, 1 + MARGIN]], maxBoundsViscosity: 1,
    keyboard: false, boxZoom: false, doubleClickZoom: false, // arrows go from product to product
    zoomControl: false, attributionControl: false, fadeAnimation: false, inertia: !still.matches,
  });
  const marks = marksLayer({ x, y, kinds, shown, markRadius, tileSize: 512 }).addTo(map);
  const ring = markerOf(L.divIcon({ className: "map-ring", iconSize: null }), 2e6);

  function resize() {
    const center = map.getZoom() ? map.getCenter() : MIDDLE; // rounded, it would drift by a pixel
    crs.transformation = stretched();
    map.invalidateSize({ pan: false }).setView(center, map.getZoom(), { reset: true });
  }

  /** The shown product nearest to a pixel, or of the lowest cost below a limit; -1 if none is. */
  function nearest(pixel, limit = Infinity, cost = Math.hypot) {
    const { lat, lng } = map.containerPointToLatLng(pixel);
    const { x: across, y: down } = map.project([1, 1]);
    let [found, least] = [-1, limit];
    for (let i = 0; i < ids.length; i++) {
      const each = shown[kinds[i]] ? cost((x[i] - lng) * across, (y[i] - lat) * down) : Infinity;
      if (each < least) [found, least] = [i, each];
    }
    return found;
  }

  /** Choose the next product in a direction; the first is the one in the middle of the frame. */
  async function step([right, down]) {
    const half = map.getSize().divideBy(2);
    const next = chosen < 0 ? nearest(half) : nearest(pixelOf(chosen), Infinity, (dx, dy) => {
      const [ahead, aside] = [dx * right + dy * down, Math.abs(dx * down) + Math.abs(dy * right)];
      return ahead > 0 && aside <= ahead ? ahead + 2 * aside : Infinity;
    });
    if (next < 0) return;
    const padding = L.point(Math.min(80, half.x / 2), Math.min(80, half.y / 2));
    map.panInside([y[next], x[next]], { padding, animate: false });
    await choose(next);
    if (next === chosen) status.textContent = `${title.textContent}, ${facts.textContent}`;
  }

  /** Zoom by levels around the chosen product or the middle, also while Leaflet is zooming. */
  function zoom(levels) {
    const target = Math.min(Math.max((zoomTarget ?? map.getZoom()) + levels, 0), CLOSEST);
    zoomTarget = target === map.getZoom() ? null : target;
    const around = chosen < 0 ? map.getCenter() : [y[chosen], x[chosen]];
    if (target) map.setZoomAround(around, target, { animate: !still.matches });
    else map.setView(MIDDLE, 0, { animate: !still.matches });
  }

  /** Show products as pictures where few are seen. */
  async function showPictures() {
    if (zoomTarget !== null) return zoom(0); // there were more zoom steps than Leaflet has made
    const latest = ++update;
    const bounds = map.getBounds().pad(0.1);
    const seen = [...ids.keys()].filter((i) => shown[kinds[i]] && bounds.contains([y[i], x[i]]));
    const few = seen.length <= PICTURES ? seen : [];
    const side = Math.min(120, Math.max(30, roomFor(few.length) / 2));
    radius = few.length ? side / 2 : markRadius(map.getZoom());
    frame.style.setProperty("--picture", `${side}px`);
    frame.style.setProperty("--ring", `${2 * radius + 8}px`);
    placeTip();
    for (const [i, marker] of pictures)
      if (!few.includes(i) && pictures.delete(i)) marker.remove();
    const products = await getProducts(few.map((i) => ids[i]));
    for (const [n, i] of latest === update ? few.entries() : []) {
      const iconUrl = products[n]?.image_src;
      if (!iconUrl || pictures.has(i)) continue;
      const icon = L.icon({ iconUrl, className: "map-picture" });
      pictures.set(i, markerOf(icon, i === chosen ? 1e6 : 0).setLatLng([y[i], x[i]]).addTo(map));
    }
  }

  /** Show the tip and a ring for a product; -1 hides them. */
  async function choose(i) {
    clearTimeout(hiding);
    if (i === chosen) return;
    pictures.get(chosen)?.setZIndexOffset(0);
    pictures.get(i)?.setZIndexOffset(1e6); // above the other pictures
    chosen = i;
    tip.hidden = true;
    if (i < 0) return ring.remove();
    ring.setLatLng([y[i], x[i]]).addTo(map);
    const [product] = await getProducts([ids[i]]);
    if (!product || chosen !== i) return;
    Object.assign(picture, { hidden: !product.image_src, src: product.image_src ?? "" });
    title.textContent = product.name;
    const money = { style: "currency", currency: product.currency };
    const price = formatted(product.sale_price ?? product.price, money);
    facts.textContent = `${product.category} · ${price}`;
    Object.assign(tip, { href: product.url, hidden: false });
    placeTip();
  }

  /** Put the tip above its product, or below where there is no room; hide it outside the frame. */
  function placeTip() {
    if (tip.hidden) return;
    const [size, pixel, gap] = [map.getSize(), pixelOf(chosen), radius + 12];
    if (!L.bounds([0, 0], size).contains(pixel)) return choose(-1);
    const left = Math.min(size.x - tip.offsetWidth, pixel.x - tip.offsetWidth / 2);
    const above = pixel.y - gap - tip.offsetHeight;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${above > 0 ? above : pixel.y + gap}px`;
  }

  function leave({ pointerType }) {
    if (pointerType === "touch") return; // a finger leaves whenever it is lifted
    clearTimeout(hiding);
    hiding = setTimeout(choose, PATIENCE, -1);
  }

  function press(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey)
      map.panBy([80 * arrow[0], 80 * arrow[1]], { animate: !still.matches });
    else if (arrow) step(arrow);
    else if (event.key in ZOOMS) zoom(ZOOMS[event.key]);
    else if (event.key === "Enter" && chosen >= 0) open(chosen);
    else if (event.key === "Escape") choose(-1);
    else return;
    event.preventDefault();
  }

  function point(event) {
    if (event.pointerType === "touch" || map.dragging.moving()) return;
    const found = nearest(map.mouseEventToContainerPoint(event), Math.max(MOUSE, 1.2 * radius));
    frame.classList.toggle("pointing", found >= 0);
    if (found >= 0) choose(found);
    else leave(event);
  }

  /** A click opens a product. A tap only shows the tip, which is a link: fingers cannot hover. */
  function click({ containerPoint }) {
    const reach = pointer === "touch" ? FINGER : MOUSE;
    const found = nearest(containerPoint, Math.max(reach, 1.2 * radius));
    choose(found);
    if (found >= 0 && pointer !== "touch") open(found);
  }

  async function open(i) {
    const [product] = await getProducts([ids[i]]);
    if (product) location.assign(product.url);
  }

  /** A box for each category, ticked where the address names it. */
  function offerCategories() {
    const ticked = new URLSearchParams(location.search).getAll("category");
    categories.replaceChildren(...names.map((value, kind) => {
      const chip = copyOf("map-category").firstElementChild;
      Object.assign(chip.firstElementChild, { value, checked: ticked.includes(value) });
      const swatch = { className: "map-swatch", ariaHidden: "true" };
      chip.append(Object.assign(drawMark(section, kind, 6), swatch), value);
      return chip;
    }));
    showCategories();
  }

  /** Show the ticked categories, or all, and name them in the addresses of the map and the list. */
  function showCategories() {
    const ticked = new FormData(categories).getAll("category");
    const options = new URLSearchParams(ticked.map((name) => ["category", name]));
    history.replaceState(null, "", ticked.length ? `?${options}` : location.pathname);
    const listed = ticked.length === 1 ? `?list=1&${options}` : "?list=1"; // one category or all
    byId("map-list", HTMLAnchorElement).search = listed;
    names.forEach((name, kind) => (shown[kind] = !ticked.length || ticked.includes(name)));
    choose(-1);
    marks.redraw();
    showPictures();
  }

  offerCategories();
  status.textContent = status.dataset.shown
    .replace("{shown}", formatted(counts.shown)).replace("{total}", formatted(counts.total));
  map.on({ click, move: placeTip, moveend: showPictures });
  L.DomEvent.on(frame, { keydown: press, pointermove: point, pointerleave: leave, blur: leave });
  L.DomEvent.on(frame, "pointerdown", (event) => (pointer = event.pointerType));
  L.DomEvent.on(tip, { pointerleave: leave, pointerenter: () => clearTimeout(hiding) });
  L.DomEvent.on(categories, { input: showCategories, submit: L.DomEvent.preventDefault });
  for (const button of section.querySelectorAll("[data-key]"))
    button.addEventListener("click", () => zoom(ZOOMS[button.dataset.key]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", offerCategories);
  new ResizeObserver(resize).observe(frame);
}

status.textContent = status.dataset.waiting;
const loading = [fetch(section.dataset.points), import("../vendor/leaflet/leaflet.js")];
const [response] = await Promise.all(loading).catch(() => []);
if (response?.ok) start(await response.json());
else status.textContent = status.dataset[response?.status === 503 ? "none" : "unreachable"];
