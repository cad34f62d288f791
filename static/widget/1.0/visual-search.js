// @ts-check
/**
 * visualsearch widget 1.0: search by photo, and similar products, on the pages of a shop.
 *
 *     <script type="module" src="https://search.shop.example/static/widget/1.0/visual-search.js"></script>
 *     <visual-search></visual-search>
 *     <similar-products sku="mug-42"></similar-products>
 *
 * Both elements
 *   src            address of the search; default: where this file comes from
 *   language       such as "de"; default: the closest lang attribute, or else the browser's language
 *   scheme         "light" or "dark"; default: the page's color-scheme
 *   limit          products at once; default 12, or 6 on the shelf
 *   threshold      lowest similarity from 0 to 1; default 0.7, or what the catalog calls similar
 *   category, availability   only these; several are separated by "|"
 *   collapse       "none" shows each variant by itself; default "group"
 *   target         of the links, such as "_blank"
 *
 * <visual-search>  a camera button; its content, if any, is shown beside the camera
 *   label          name of the button, for screen readers and as its tooltip
 *   ordering       "-score" (default), "price" or "-price"
 *   open(), close(), search(file or address)
 *
 * <similar-products>  a shelf; it takes no space until there is something to show
 *   sku, product   whose look-alikes: the shop's SKU, or our id
 *   heading        default: "Looks similar" in the page's language; empty: none
 *   state          set by the element: "shown" or "empty"
 *
 * Events: they bubble, cross shadow roots, and can be cancelled by preventDefault().
 *   visualsearch:open      before the dialog opens; cancelled, it stays closed
 *   visualsearch:results   detail is the API's answer; cancelled, the page shows the results itself
 *   visualsearch:select    detail is the product whose link was followed; cancelled, it is not
 *
 * CSS variables: --visualsearch-accent, -background, -text, -muted (quiet text), -border, -radius,
 *   -font, -card (least width of a product), -width (most of the dialog), -button (size)
 *
 * Parts: button, dialog, header, title, close, drop, camera, address, submit, query, filters, chip,
 *   found, grid, card, picture, image, name, brand, price, stock, match, similar, vote, next, problem,
 *   shelf, heading
 *
 * The page's policy needs script-src, connect-src and img-src for the host of the search, nothing else.
 */

/**
 * @typedef {{
 *   id: number, sku: string, name: string, brand: string, category: string, price: number,
 *   sale_price: number | null, currency: string, availability: string, more: number,
 *   image_src: string, url: string, link: string, score: number, match: string,
 * }} Product
 * @typedef {{
 *   results: Product[], nearest: Product[], count: number,
 *   query: {id: string},
 *   facets: {
 *     category: {name: string, count: number}[],
 *     availability: {value: string, count: number}[],
 *     price: {min: number | null, max: number | null},
 *   },
 *   index: {generation: number, bands: {name: string, least: number | null}[]},
 * }} Answer
 * @typedef {{[key: string]: string | {[key: string]: string}}} Words
 * @typedef {{language: string, direction: string, words: Words}} Speech
 * @typedef {{x: number, y: number, width: number, height: number}} Box in fractions of a picture
 * @typedef {{[name: string]: string | string[]}} Options
 * @typedef {{
 *   query: string, liked?: Product, crop: string, more: Product[], less: Product[],
 *   group?: Product, options: Options,
 * }} Search what is searched for: the picture by its query's id, or a product, and the options
 */

const OWN_SHOP = import.meta.url.split("/static/")[0];

/** What is said before the shop's words have been downloaded, and if they cannot be. */
const FIRST_WORDS = Object.entries({
  en: ["Search with a photo", "Close", "We could not reach the shop. Please check your connection and try again."],
  de: ["Mit einem Foto suchen", "Schließen", "Der Shop ist nicht erreichbar. Bitte prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal."],
  fr: ["Rechercher avec une photo", "Fermer", "La boutique est injoignable. Vérifiez votre connexion et réessayez."],
  es: ["Buscar con una foto", "Cerrar", "No se pudo conectar con la tienda. Compruebe su conexión e inténtelo de nuevo."],
  ja: ["写真で検索", "閉じる", "ショップに接続できませんでした。接続を確認して、もう一度お試しください。"],
  ar: ["البحث بصورة", "إغلاق", "تعذّر الاتصال بالمتجر. يرجى التحقق من اتصالك والمحاولة مرة أخرى."],
}).map(([language, [title, close, unreachable]]) => ({
  language,
  direction: language === "ar" ? "rtl" : "ltr",
  words: { title, close, unreachable },
}));

// Small parts: elements, icons, requests

/**
 * An element with these attributes, listeners and children; false, null and "" are no children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [given]
 * @param {unknown[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name, /** @type {any} */ (value));
    else if (value !== false && value != null)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {Node[]} */ (children.flat().filter(Boolean)));
  return element;
}

const ICONS = {
  camera: "M3 8.5A2.5 2.5 0 0 1 5.5 6h2l1.4-2h6.2l1.4 2h2A2.5 2.5 0 0 1 21 8.5v8a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5ZM12 9a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7",
  photo: "M6 4h12a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3Zm2.5 4a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3M3 17l5-4 3.500 2.500 5-5.500 4.500 4.500",
  close: "m6 6 12 12M18 6 6 18",
  back: "m11 6-6 6 6 6M5 12h14",
  filters: "M4 7h9m4 0h3M4 17h3m4 0h9M15 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4M9 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  thumb: "M7 11v9H4.500A1.500 1.500 0 0 1 3 18.500v-6A1.500 1.500 0 0 1 4.500 11Zm0 0 4-8a2.500 2.500 0 0 1 2.500 2.500V9h5.300a2 2 0 0 1 2 2.300l-1.100 7a2 2 0 0 1-2 1.700H7",
};

function icon(/** @type {keyof typeof ICONS} */ name) {
  const [svg, path] = ["svg", "path"].map((tag) =>
    document.createElementNS("http://www.w3.org/2000/svg", tag),
  );
  path.setAttribute("d", ICONS[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** An answer of the shop, or of something before it, that is not what was asked for. */
class Refusal extends Error {
  constructor(/** @type {Response} */ response, /** @type {any} */ told) {
    super(`The search answered ${response.status}.`);
    this.status = response.status;
    this.wait = Number(response.headers.get("Retry-After")) || 0; // seconds
    const sentence = told?.detail ?? Object.values(told ?? {}).flat()[0];
    this.sentence = typeof sentence === "string" ? sentence : "";
  }
}

/** The JSON at an address. Raises Refusal, and what fetch raises. */
async function fetched(/** @type {string} */ url, /** @type {RequestInit} */ options = {}) {
  const response = await fetch(url, { credentials: "omit", ...options });
  const answer = await response.json().catch(() => null);
  if (!response.ok || !answer) throw new Refusal(response, answer);
  return answer;
}

/** The attribute of the closest element that has it, through shadow roots. */
function inherited(/** @type {Element} */ element, /** @type {string} */ name) {
  /** @type {any} */
  let at = element;
  while (at && !at.hasAttribute(name)) at = at.parentElement ?? at.getRootNode().host;
  return at ? at.getAttribute(name) : "";
}

const within = (/** @type {number} */ value, most = 1) => Math.min(Math.max(value, 0), most);

// Photos

const LONGEST_SIDE = 1024; // pixels; a phone's photo has 4000, and search needs no more than this
const SMALL_ENOUGH = 600_000; // bytes

/** A photo on a canvas, upright and no larger than search needs; null if the browser can't read it. */
async function drawn(/** @type {Blob} */ photo) {
  const bitmap = await createImageBitmap(photo).catch(() => null);
  if (!bitmap) return null;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.round(side * scale) || 1);
  const canvas = make("canvas", { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // under transparent parts, as on the server
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { canvas, isSmaller: scale < 1 };
}

/**
 * The photo to send: the one on the canvas, if that is less. A photo that this browser cannot read is
 * sent as it is: the server may be able to read it, or says what is wrong.
 * @param {Blob} photo
 * @param {Awaited<ReturnType<typeof drawn>>} picture
 * @returns {Promise<Blob>}
 */
async function shrunk(photo, picture) {
  if (!picture || !(picture.isSmaller || photo.size > SMALL_ENOUGH)) return photo;
  /** @type {Blob | null} */
  const small = await new Promise((use) => picture.canvas.toBlob(use, "image/jpeg", 0.92));
  return small && small.size < photo.size ? small : photo;
}

// The crop box

/** @type {Box} */
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const SMALLEST = 0.08; // share of the photo's sides; smaller boxes are accidents
const STEP = 0.04;
const PAUSE = 250; // milliseconds without a key, or a move of the slider, before the search starts
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The box as the API takes it; "" if it is the whole photo. */
function written(/** @type {Box} */ { x, y, width, height }) {
  if (width > 0.995 && height > 0.995) return "";
  return [x, y, width, height].map((number) => Number(number.toFixed(4))).join(",");
}

/** @returns {Box} */
function boxOf(/** @type {string} */ crop) {
  if (!crop) return WHOLE;
  const [x, y, width, height] = crop.split(",").map(Number);
  return { x, y, width, height };
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

/**
 * The box after a pointer has moved between two points of the photo, having gripped a corner ("nw"),
 * the box itself, or nothing, which draws another box.
 * @param {string | undefined} grip
 * @param {Box} old
 * @param {{x: number, y: number}} from
 * @param {{x: number, y: number}} to
 * @returns {Box}
 */
function pulled(grip, old, from, to) {
  if (grip === "box") return moved(old, to.x - from.x, to.y - from.y);
  const fixed = { ...from };
  if (grip) {
    fixed.x = grip.includes("w") ? old.x + old.width : old.x;
    fixed.y = grip.includes("n") ? old.y + old.height : old.y;
  }
  const [x, y] = [Math.min(fixed.x, to.x), Math.min(fixed.y, to.y)];
  return { x, y, width: Math.abs(fixed.x - to.x), height: Math.abs(fixed.y - to.y) };
}

/**
 * A photo with a box on it. With a mouse or a finger: draw a box, move it, or pull its corners. With
 * the keyboard: arrows move the box, Shift and arrows resize it, and Escape removes it.
 * @param {HTMLCanvasElement} canvas
 * @param {string} crop
 * @param {string} name of the box
 * @param {(crop: string) => void} use
 */
function croppable(canvas, crop, name, use) {
  const corners = ["nw", "ne", "sw", "se"].map((grip) => make("span", { "data-grip": grip }));
  const handle = make(
    "button",
    { class: "crop-box", type: "button", "data-grip": "box", "aria-label": name, "aria-describedby": "keys" },
    corners,
  );
  const photo = make("div", { class: "photo" }, canvas, handle);
  let box = boxOf(crop);
  let pausing = 0;

  function draw(/** @type {Box} */ next) {
    box = next;
    handle.style.left = `${100 * box.x}%`;
    handle.style.top = `${100 * box.y}%`;
    handle.style.width = `${100 * box.width}%`;
    handle.style.height = `${100 * box.height}%`;
    photo.classList.toggle("cropped", Boolean(written(box)));
  }

  function drag(/** @type {PointerEvent} */ event) {
    if (event.button || !event.isPrimary) return;
    const { target } = event;
    const gripped = target instanceof HTMLElement ? target.dataset.grip : undefined;
    const grip = gripped === "box" && !written(box) ? undefined : gripped;
    const edges = photo.getBoundingClientRect();
    const place = (/** @type {PointerEvent} */ { clientX, clientY }) => ({
      x: within((clientX - edges.left) / edges.width),
      y: within((clientY - edges.top) / edges.height),
    });
    const [old, from] = [box, place(event)];
    photo.setPointerCapture(event.pointerId);
    const ending = new AbortController();
    const end = (/** @type {PointerEvent} */ { type }) => {
      ending.abort();
      const isSlip = type === "pointercancel" || box.width < SMALLEST || box.height < SMALLEST;
      if (isSlip || written(box) === written(old)) draw(old);
      else use(written(box));
    };
    photo.addEventListener("pointermove", (next) => draw(pulled(grip, old, from, place(next))), ending);
    photo.addEventListener("pointerup", end, ending);
    photo.addEventListener("pointercancel", end, ending);
  }

  function press(/** @type {KeyboardEvent} */ event) {
    const [dx, dy] = (ARROWS[event.key] ?? [0, 0]).map((sign) => sign * STEP);
    if (event.key === "Escape" && written(box)) draw(WHOLE);
    else if (dx || dy) draw((event.shiftKey || !written(box) ? resized : moved)(box, dx, dy));
    else return;
    event.preventDefault();
    clearTimeout(pausing);
    pausing = setTimeout(() => use(written(box)), PAUSE);
  }

  photo.addEventListener("pointerdown", drag);
  handle.addEventListener("keydown", press);
  draw(box);
  return photo;
}

// The styles

const styles = new CSSStyleSheet();
styles.replaceSync(`
:host {
  --accent: var(--visualsearch-accent, light-dark(#17614a, #7fd4b0));
  --on-accent: oklch(from var(--accent) clamp(0, (0.64 - l) * 999, 1) 0 0);
  --paper: var(--visualsearch-background, light-dark(#fff, #171918));
  --ink: var(--visualsearch-text, light-dark(#191b1a, #f0f1ee));
  --soft: var(--visualsearch-muted, light-dark(#5c615e, #a9afab));
  --line: var(--visualsearch-border, light-dark(#dcdcd5, #353a37));
  --edge: color-mix(in oklab, var(--ink) 55%, var(--paper));
  --sunken: color-mix(in oklab, var(--ink) 6%, var(--paper));
  --chosen: color-mix(in oklab, var(--accent) 14%, var(--paper));
  --alarm: light-dark(#a3321d, #f2a08e);
  --radius: var(--visualsearch-radius, 12px);
  --touch: 36px;
}
:host([scheme="light"]) { color-scheme: light }
:host([scheme="dark"]) { color-scheme: dark }
:host { display: inline-block; vertical-align: middle }
:host(similar-products) { display: block }
:host([hidden]), :host([state="empty"]) { display: none }
@media (pointer: coarse) { :host { --touch: 44px } }

*, ::before, ::after { box-sizing: border-box }
h2, h3, p, ul, figure, fieldset { margin: 0; padding: 0; border: 0; min-width: 0 }
ul { list-style: none }
button, input, select, summary { font: inherit; color: inherit; letter-spacing: inherit }
button, summary, label, select { cursor: pointer }
[hidden] { display: none !important }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
[tabindex="-1"]:focus { outline: none }

.icon { flex: none; width: 24px; height: 24px; fill: none; stroke: currentcolor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round }
.hidden { position: absolute; width: 1px; height: 1px; margin: 0; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; opacity: 0 }

.opener {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  gap: 8px;
  min-width: var(--visualsearch-button, 44px);
  min-height: var(--visualsearch-button, 44px);
  padding: 0 10px;
  border: 0;
  border-radius: var(--radius);
  background: none;
}
.opener:hover { background: color-mix(in srgb, currentcolor 9%, transparent) }

.dialog, .shelf {
  background: var(--paper);
  color: var(--ink);
  font: 400 medium/1.45 system-ui, sans-serif;
  font-family: var(--visualsearch-font, inherit);
  letter-spacing: normal;
  text-align: start;
  text-transform: none;
  white-space: normal;
  overflow-wrap: anywhere;
  cursor: auto;
}
.shelf { background: none }

.dialog {
  flex-direction: column;
  width: min(var(--visualsearch-width, 1080px), 100vw - 32px);
  max-width: none;
  height: fit-content;
  max-height: min(880px, 100dvh - 32px);
  margin: auto;
  padding: 0;
  overflow: hidden;
  border: 1px solid var(--line);
  border-radius: calc(1.5 * var(--radius));
  box-shadow: 0 24px 80px rgb(0 0 0 / 0.3);
}
.dialog[open] { display: flex }
.dialog:has(.start) { max-width: 620px }
.dialog::backdrop { background: rgb(0 0 0 / 0.5) }
.dragging .zone { border-color: var(--accent); background: var(--chosen) }

.header { display: flex; flex: none; align-items: center; gap: 4px; padding: 10px 12px; border-bottom: 1px solid var(--line) }
.title { flex: 1; padding-inline-start: 8px; font-size: 1.125em; font-weight: 620; letter-spacing: -0.01em }
.round { display: grid; place-items: center; width: 44px; height: 44px; padding: 0; border: 0; border-radius: 50%; background: none }
.round:hover { background: var(--sunken) }
[dir="rtl"] .back .icon { transform: scaleX(-1) }
.body { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain }

.start { display: grid; gap: 14px; padding: 20px }
.zone {
  display: grid;
  place-content: center;
  justify-items: center;
  gap: 4px;
  min-height: 232px;
  padding: 24px;
  border: 2px dashed var(--edge);
  border-radius: var(--radius);
  background: var(--sunken);
  text-align: center;
}
.zone .icon { width: 48px; height: 48px; margin-bottom: 8px; stroke-width: 1.1; color: var(--soft) }
.zone:hover { border-color: var(--accent) }
label:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px }
.call { font-size: 1.125em; font-weight: 600 }
.fine, .zone .or { color: var(--soft); font-size: 0.875em }
.address { display: flex; gap: 8px }
.field { min-width: 0; width: 100%; min-height: 44px; padding: 0 14px; border: 1px solid var(--edge); border-radius: var(--radius); background: var(--paper) }
.field::placeholder { color: var(--soft); opacity: 1 }
.button {
  display: inline-flex;
  flex: none;
  align-items: center;
  justify-content: center;
  gap: 8px;
  min-height: 44px;
  padding: 0 18px;
  border: 1px solid transparent;
  border-radius: var(--radius);
  background: var(--accent);
  color: var(--on-accent);
  font-weight: 560;
}
.button:hover { filter: brightness(1.08) }
.quiet { border-color: var(--edge); background: none; color: var(--ink) }
.quiet:hover { border-color: var(--ink); background: var(--sunken); filter: none }
.words { min-height: var(--touch); padding: 0; border: 0; background: none; color: inherit; font-weight: 560; text-align: start; text-decoration: underline; text-decoration-color: var(--edge); text-underline-offset: 0.2em }
.words:hover { text-decoration-color: currentcolor }
@media (hover: hover) { .touch { display: none } }
@media (hover: none) { .mouse { display: none } }

.answer { display: grid; grid-template-columns: 252px minmax(0, 1fr); gap: 28px; padding: 20px }
.side { display: grid; align-content: start; gap: 16px }
.query { display: grid; gap: 8px }
.photo { position: relative; justify-self: start; overflow: hidden; border-radius: var(--radius); cursor: crosshair; touch-action: none }
.photo canvas { display: block; max-width: 100%; width: auto; height: auto; max-height: 300px; user-select: none }
.crop-box { position: absolute; padding: 0; border: 0; border-radius: 2px; background: none; cursor: inherit; touch-action: none }
.cropped .crop-box { cursor: move; box-shadow: inset 0 0 0 2px #fff, 0 0 0 1px #000, 0 0 0 100vmax rgb(0 0 0 / 0.5) }
.crop-box:focus-visible { outline-offset: -3px }
.crop-box span { position: absolute; width: 24px; height: 24px; border: 0 solid #fff; filter: drop-shadow(0 0 1px #000) }
.crop-box span::after { content: ""; position: absolute; inset: -10px }
[data-grip^="n"] { top: 0; border-top-width: 4px !important }
[data-grip^="s"] { bottom: 0; border-bottom-width: 4px !important }
[data-grip$="w"] { left: 0; border-left-width: 4px !important }
[data-grip$="e"] { right: 0; border-right-width: 4px !important }
:is([data-grip="nw"], [data-grip="se"]) { cursor: nwse-resize }
:is([data-grip="ne"], [data-grip="sw"]) { cursor: nesw-resize }
.query img { display: block; width: 160px; aspect-ratio: 1; border-radius: var(--radius); object-fit: cover }
.about { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 14px }
.about p { flex-basis: 100% }

.filters summary { display: flex; align-items: center; gap: 8px; min-height: 44px; font-weight: 600; list-style: none }
.filters summary::-webkit-details-marker { display: none }
.badge { min-width: 22px; padding: 0 6px; border-radius: 11px; background: var(--accent); color: var(--on-accent); font-size: 0.8125em; line-height: 22px; text-align: center }
.filters form { display: grid; gap: 18px; padding-top: 8px }
.filter > label, .filter > legend { padding: 0; font-size: 0.9375em; font-weight: 600 }
.filter output { float: inline-end; font-weight: 600; font-variant-numeric: tabular-nums }
.filter input[type="range"] { width: 100%; min-height: var(--touch); margin: 0; accent-color: var(--accent) }
.filter .field { margin-top: 6px }
.pair { display: grid; grid-template-columns: 1fr auto 1fr; align-items: center; gap: 8px }
.chips { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.chip { display: inline-flex; align-items: center; gap: 6px; min-height: var(--touch); padding: 2px 12px; border: 1px solid var(--edge); border-radius: 22px; background: none; font-size: 0.9375em }
.chip:hover { border-color: var(--ink) }
.chip:has(:checked) { border-color: var(--accent); background: var(--chosen) }
.chip input { margin: 0; accent-color: var(--accent) }
.chip input:focus-visible { outline: none }
.chip small { color: var(--soft) }
.chip .icon { width: 16px; height: 16px }

.found { display: grid; align-content: start; gap: 14px; min-width: 0 }
.found h3 { font-size: 1.0625em; font-weight: 600 }
.found[aria-busy="true"] .grid { opacity: 0.5 }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--visualsearch-card, 168px), 42%), 1fr)); gap: 22px 16px }
.next { justify-self: center; margin: 8px 0 }
.problem { display: grid; justify-items: start; gap: 10px; padding: 18px; border: 1px solid var(--line); border-inline-start: 4px solid var(--alarm); border-radius: var(--radius) }

.card { position: relative; display: flex; flex-direction: column; gap: 3px }
.picture { position: relative; display: block; aspect-ratio: 1; margin-bottom: 6px; overflow: hidden; border-radius: var(--radius); background: var(--sunken) }
.picture img { display: block; width: 100%; height: 100%; object-fit: cover; transition: transform 0.4s cubic-bezier(0.2, 0.7, 0.2, 1) }
.card:hover .picture img { transform: scale(1.035) }
.match { position: absolute; inset-block-start: 8px; inset-inline-start: 8px; padding: 2px 9px; border-radius: 12px; background: var(--paper); color: var(--ink); font-size: 0.75em; font-weight: 560; line-height: 1.5 }
.name { color: inherit; font-weight: 560; line-height: 1.3; text-decoration: none }
.name::after { content: ""; position: absolute; inset: 0 }
.name:hover { text-decoration: underline; text-underline-offset: 0.2em }
.name:focus-visible { outline: none }
.card:has(.name:focus-visible) { outline: 3px solid var(--accent); outline-offset: 4px; border-radius: var(--radius) }
.brand, .stock { color: var(--soft); font-size: 0.875em }
.price { font-variant-numeric: tabular-nums }
.price s { color: var(--soft) }
.price strong { font-weight: 600 }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0 2px; margin-top: auto; font-size: 0.9375em }
.actions > * { position: relative }
.actions .words { flex: 1; min-width: fit-content }
.vote { display: grid; place-items: center; width: var(--touch); height: var(--touch); padding: 0; border: 0; border-radius: 50%; background: none; color: var(--soft) }
.vote:hover { background: var(--sunken); color: var(--ink) }
.vote[aria-pressed="true"] { background: var(--accent); color: var(--on-accent) }
.vote .icon { width: 18px; height: 18px }
.turned .icon { transform: rotate(180deg) }
.waiting .picture::after, .waiting .name { animation: wait 1.4s ease-in-out infinite alternate; background: var(--line); border-radius: 6px }
.waiting .picture::after { content: ""; position: absolute; inset: 0 }
.waiting .name { width: 70%; height: 1em }
@keyframes wait { from { opacity: 0.35 } }

.shelf { display: grid; gap: 14px }
.shelf h2 { font-size: 1.375em; font-weight: 620; line-height: 1.2 }
.row { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(var(--visualsearch-card, 150px), 1fr); gap: 16px; margin: -6px; padding: 6px; overflow-x: auto; scroll-snap-type: x proximity; scroll-padding: 6px; scrollbar-width: thin }
.row .card { max-width: 260px; scroll-snap-align: start }

@media (max-width: 680px) {
  .dialog { width: 100vw; height: 100dvh; max-width: none !important; max-height: none; margin: 0; border: 0; border-radius: 0 }
  .header { padding-block: 4px }
  .answer { grid-template-columns: minmax(0, 1fr); gap: 12px; padding: 12px 16px }
  .side { gap: 4px }
  .query { grid-template-columns: auto minmax(0, 1fr); gap: 12px; align-items: center }
  .query img { width: 76px }
  .photo canvas { max-width: 92px; max-height: 76px }
  .photo:not(.cropped) .crop-box, .crop-box span { visibility: hidden }
  .query:not(.large) .photo { cursor: pointer }
  .query:not(.large) .crop-box { pointer-events: none }
  .large { grid-template-columns: minmax(0, 1fr) }
  .large .photo canvas { max-width: 100%; max-height: 46dvh }
  .large .photo .crop-box, .large .crop-box span { visibility: visible }
  .query:not(.large) .large-only, .large .small-only { display: none }
  .filters { padding-bottom: 4px; border-block: 1px solid var(--line) }
  .filters form { padding-bottom: 14px }
}
@media (min-width: 681px) { .small-only { display: none } }
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important }
  .card:hover .picture img { transform: none }
}
@media (forced-colors: active) { .cropped .crop-box { outline: 2px solid } }
`);

// What both elements have in common

/** @type {Map<string, Promise<Speech>>} */
const speeches = new Map();

class ShopElement extends HTMLElement {
  #running = new AbortController();
  /** @type {Speech} */
  speech = FIRST_WORDS[0];
  root = this.attachShadow({ mode: "open" });

  constructor() {
    super();
    this.root.adoptedStyleSheets = [styles];
  }

  disconnectedCallback() {
    this.#running.abort();
  }

  /** The search's address without a slash at its end. */
  get shop() {
    return (this.getAttribute("src") || OWN_SHOP).replace(/\/+$/, "");
  }

  get language() {
    const tag = this.getAttribute("language") || inherited(this, "lang") || navigator.language;
    try {
      return Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0];
    } catch {
      return "en";
    }
  }

  get direction() {
    const own = this.getAttribute("dir") || (!this.hasAttribute("language") && inherited(this, "dir"));
    return own === "ltr" || own === "rtl" ? own : this.speech.direction;
  }

  /** Use the words that are built in, until others are there. */
  speakFirst() {
    const [language] = this.language.split("-");
    this.speech = FIRST_WORDS.find((each) => each.language === language) ?? FIRST_WORDS[0];
  }

  /** Download the words, once for all elements of the page. */
  async learnWords() {
    const url = `${this.shop}/api/widget/words/?language=${this.language}`;
    const learning = speeches.get(url) ?? fetched(url);
    speeches.set(url, learning);
    try {
      this.speech = await learning;
    } catch (error) {
      speeches.delete(url);
      throw error;
    }
  }

  /** A text, with values for the names in braces. */
  say(/** @type {string} */ key, /** @type {Record<string, unknown>} */ values = {}) {
    const text = this.speech.words[key];
    return typeof text === "string" ? filled(text, values) : "";
  }

  /** A text about a number, in the plural form that the language has for it. */
  count(
    /** @type {string} */ key,
    /** @type {number} */ count,
    /** @type {Record<string, unknown>} */ values = {},
  ) {
    const forms = this.speech.words[key];
    if (typeof forms !== "object") return "";
    const form = new Intl.PluralRules(this.speech.language).select(count);
    return filled(forms[form] ?? forms.other, { count: this.number(count), ...values });
  }

  /** A value of the API in words. */
  translated(/** @type {"match" | "availability"} */ kind, /** @type {string} */ value) {
    const words = this.speech.words[kind];
    return (typeof words === "object" && words[value]) || value;
  }

  number(/** @type {number} */ value, /** @type {Intl.NumberFormatOptions} */ options = {}) {
    return new Intl.NumberFormat(this.language, { numberingSystem: "latn", ...options }).format(value);
  }

  /** Abort the running request. Returns the signal that aborts the next one. */
  begin() {
    this.#running.abort();
    this.#running = new AbortController();
    return this.#running.signal;
  }

  /** The API's answer. Raises what `fetched` raises. */
  ask(/** @type {string} */ path, /** @type {RequestInit} */ options) {
    // A header that needs no preflight; its sentences are for this shopper.
    return fetched(this.shop + path, { headers: { "Accept-Language": this.language }, ...options });
  }

  /** The options of a search in the element's attributes. */
  get options() {
    /** @type {Options} */
    const options = { collapse: this.getAttribute("collapse") || "group" };
    for (const name of ["threshold", "ordering", "limit"])
      if (this.hasAttribute(name)) options[name] = this.getAttribute(name) ?? "";
    for (const name of ["category", "availability"])
      options[name] = (this.getAttribute(name) ?? "").split("|").filter(Boolean);
    return options;
  }

  /** Send an event. Returns false if somebody cancelled it. */
  tell(/** @type {string} */ name, /** @type {unknown} */ detail = null) {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    return this.dispatchEvent(new CustomEvent(`visualsearch:${name}`, options));
  }

  /** A product with its link into the shop; `actions` are below it. */
  card(/** @type {Product} */ product, /** @type {unknown[]} */ ...actions) {
    const follow = (/** @type {Event} */ event) => {
      if (!this.tell("select", product)) event.preventDefault();
    };
    const href = [product.link, product.url].find((url) => /^https?:/.test(url));
    const target = this.getAttribute("target");
    const band = this.translated("match", product.match);
    const percent = Math.floor(100 * product.score + 1e-4);
    const isThere = product.availability === "in_stock";
    return make(
      "li",
      { class: "card", part: "card" },
      make(
        "span",
        { class: "picture", part: "picture" },
        make("img", { part: "image", src: product.image_src, alt: "", decoding: "async" }),
      ),
      make("a", { class: "name", part: "name", href, target, rel: target && "noopener", click: follow }, product.name),
      make("p", { class: "match", part: "match" }, this.say("score", { percent, band })),
      product.brand && make("p", { class: "brand", part: "brand" }, product.brand),
      this.price(product),
      !isThere &&
        make("p", { class: "stock", part: "stock" }, this.translated("availability", product.availability)),
      actions,
    );
  }

  price(/** @type {Product} */ { price, sale_price, currency }) {
    const money = (/** @type {number} */ value) => this.number(value, { style: "currency", currency });
    const said = (/** @type {string} */ text) => make("span", { class: "hidden" }, `${text} `);
    const shown =
      sale_price === null
        ? [money(price)]
        : [said(this.say("before")), make("s", {}, money(price)), " ", said(this.say("now")), make("strong", {}, money(sale_price))];
    return make("p", { class: "price", part: "price" }, shown);
  }

  /** What went wrong, for a person. */
  sentenceOf(/** @type {unknown} */ error) {
    if (!(error instanceof Refusal)) return this.say("unreachable");
    if (error.sentence) return error.sentence;
    const known = { 413: this.say("tooLarge"), 429: this.say("tooOften"), 503: this.say("busy") };
    const sentence = known[/** @type {413} */ (error.status)];
    if (!sentence) return this.say("unreadable");
    return error.wait ? `${sentence} ${this.count("wait", error.wait, { wait: error.wait })}` : sentence;
  }
}

function filled(/** @type {string} */ text, /** @type {Record<string, unknown>} */ values) {
  return text.replace(/\{(\w+)\}/g, (braces, name) => String(values[name] ?? braces));
}

// <visual-search>

const THRESHOLD = "0.7"; // the API's own default

class VisualSearch extends ShopElement {
  static observedAttributes = ["label", "language"];

  #opener = make("button", { class: "opener", part: "button", type: "button", "aria-haspopup": "dialog", click: () => this.open() }, icon("camera"), make("slot"));
  #title = make("h2", { class: "title", part: "title", id: "title" });
  #status = make("p", { class: "hidden", role: "status" });
  #back = make("button", { class: "round back", type: "button", click: () => this.#goBack() }, icon("back"));
  #close = make("button", { class: "round", part: "close", type: "button", click: () => this.close() }, icon("close"));
  #body = make("div", { class: "body" });
  #dialog = make(
    "dialog",
    { class: "dialog", part: "dialog", "aria-labelledby": "title", closedby: "any" },
    make("div", { class: "header", part: "header" }, this.#back, this.#title, this.#close),
    this.#status,
    this.#body,
  );
  // The results; they are made anew for each picture.
  #query = make("figure", { class: "query", part: "query" });
  #filters = make("form");
  #badge = make("span", { class: "badge" });
  #found = make("section", { class: "found", part: "found", "aria-labelledby": "found" });
  /** @type {HTMLCanvasElement | null} */
  #canvas = null;
  /** @type {Search} */
  #search = { query: "", crop: "", more: [], less: [], options: {} };
  /** @type {Search[]} */
  #past = [];
  #pausing = 0;

  constructor() {
    super();
    this.root.append(this.#opener);
    this.#dialog.addEventListener("dragover", (event) => this.#dragOver(event));
    this.#dialog.addEventListener("dragleave", ({ relatedTarget }) => {
      if (!relatedTarget) this.#dialog.classList.remove("dragging");
    });
    this.#dialog.addEventListener("drop", (event) => {
      this.#dialog.classList.remove("dragging");
      this.#take(event, event.dataTransfer);
    });
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#filters.addEventListener("input", (event) => this.#filter(event));
    this.#filters.addEventListener("submit", (event) => event.preventDefault());
  }

  connectedCallback() {
    this.attributeChangedCallback();
  }

  attributeChangedCallback() {
    this.speakFirst();
    const label = this.getAttribute("label") || this.say("title");
    // The name of a button contains the words that are shown on it.
    if (!this.textContent?.trim()) this.#opener.setAttribute("aria-label", label);
    this.#opener.title = label;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.close();
  }

  /** Open the dialog. */
  async open() {
    if (this.#dialog.open || !this.tell("open")) return;
    if (!this.#dialog.isConnected) this.root.append(this.#dialog);
    this.#name();
    document.addEventListener("paste", this.#paste);
    this.#dialog.showModal();
    if (this.#body.firstChild) return;
    await this.#start();
  }

  close() {
    this.#dialog.close();
  }

  /** Search with a photo, or with the address of one. */
  async search(/** @type {Blob | string} */ photo) {
    await this.open();
    const signal = this.begin();
    this.#past = [];
    this.#canvas = null;
    this.#search = { query: "", crop: "", more: [], less: [], options: { threshold: THRESHOLD, ordering: "-score", ...this.options } };
    this.#showAnswer();
    const given = new FormData();
    for (const [name, value] of this.#parameters()) given.append(name, value);
    if (photo instanceof Blob) {
      this.#report("reading");
      const picture = await drawn(photo);
      if (signal.aborted) return;
      this.#canvas = picture?.canvas ?? null;
      this.#drawQuery();
      given.set("file", await shrunk(photo, picture), "photo");
    } else given.set("image_url", photo);
    await this.#request("/api/search/", { method: "POST", body: given }, signal);
  }

  // The dialog's frame

  #name() {
    const { language } = this.speech;
    this.#dialog.lang = language;
    this.#dialog.dir = this.direction;
    this.#title.textContent = this.say("title");
    this.#close.setAttribute("aria-label", this.say("close"));
    this.#back.setAttribute("aria-label", this.say("back"));
    this.#back.hidden = !this.#past.length;
  }

  #closed() {
    document.removeEventListener("paste", this.#paste);
    this.begin(); // aborts what is running
    if (this.#found.getAttribute("aria-busy") === "true") this.#body.replaceChildren();
  }

  /** Say what is going on, to screen readers. */
  #report(/** @type {"reading" | "searching"} */ stage) {
    this.#status.textContent = stage === "reading" ? this.say("reading") : this.say("searching");
  }

  #problem(/** @type {unknown} */ error, /** @type {() => void} */ again) {
    const sentence = this.sentenceOf(error);
    const failed = this.say("failed");
    this.#status.textContent = `${failed} ${sentence}`;
    const retry = this.say("retry");
    return make(
      "div",
      { class: "problem", part: "problem" },
      failed && make("h3", { id: "found", tabindex: -1 }, failed),
      make("p", {}, sentence),
      retry && make("button", { class: "button quiet", type: "button", click: again }, retry),
    );
  }

  // Choosing a picture

  async #start() {
    this.begin();
    this.#past = [];
    try {
      await this.learnWords();
    } catch (error) {
      this.#body.replaceChildren(this.#problem(error, () => this.#start()));
      return;
    }
    this.#name();
    this.#status.textContent = "";
    const choose = this.#fileInput();
    const address = make("input", {
      class: "field", type: "url", name: "image_url", required: true, maxlength: 2000, inputmode: "url",
      autocomplete: "off", "aria-label": this.say("address"), placeholder: this.say("addressHint"),
    });
    const send = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.search(address.value);
    };
    this.#body.replaceChildren(
      make(
        "div",
        { class: "start" },
        make(
          "label",
          { class: "zone", part: "drop" },
          choose,
          icon("photo"),
          make("span", { class: "call touch" }, this.say("choose")),
          make("span", { class: "call mouse" }, this.say("drop")),
          make("span", { class: "or mouse" }, this.say("dropOr")),
        ),
        make(
          "label",
          { class: "button touch", part: "camera" },
          this.#fileInput("environment"),
          icon("camera"),
          this.say("take"),
        ),
        make(
          "form",
          { class: "address", part: "address", submit: send },
          address,
          make("button", { class: "button quiet", part: "submit" }, this.say("search")),
        ),
        make("p", { class: "fine" }, this.say("privacy")),
      ),
    );
    choose.focus();
  }

  #fileInput(/** @type {string | null} */ capture = null) {
    const input = make("input", {
      class: "hidden", type: "file", accept: "image/*", capture,
      change: () => input.files?.[0] && this.search(input.files[0]),
    });
    return input;
  }

  #dragOver(/** @type {DragEvent} */ event) {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes("Files") && !types.includes("text/uri-list")) return;
    event.preventDefault();
    this.#dialog.classList.add("dragging");
  }

  #paste = (/** @type {ClipboardEvent} */ event) => {
    const { clipboardData } = event;
    const isTyping = event.composedPath()[0] instanceof HTMLInputElement;
    if (clipboardData?.files.length || !isTyping) this.#take(event, clipboardData);
  };

  /** Search with a dropped or pasted photo or address. */
  #take(/** @type {Event} */ event, /** @type {DataTransfer | null} */ data) {
    const address = (data?.getData("text/uri-list") || data?.getData("text/plain") || "").trim();
    const photo = data?.files[0] ?? (/^https?:\/\/\S+$/i.test(address) && address);
    if (!photo) return;
    event.preventDefault();
    this.search(photo);
  }

  // Requesting results

  /** The search as parameters of the API, without those that are empty. */
  #parameters(page = 1) {
    const { query, crop, more, less, group, options } = this.#search;
    const votes = (/** @type {Product[]} */ products) => products.map(({ id }) => id).join(",");
    const given = { query, crop, more: votes(more), less: votes(less), group_of: group?.id, page: page > 1 && page, ...options };
    return Object.entries(given).flatMap(([name, values]) =>
      [values].flat().filter(Boolean).map((value) => [name, String(value)]),
    );
  }

  /** Search again, with the search as it is now. */
  #refine(page = 1) {
    clearTimeout(this.#pausing);
    const parameters = new URLSearchParams(this.#parameters(page));
    return this.#request(`/api/search/?${parameters}`, {}, this.begin(), page);
  }

  /** Request results and show them, or what went wrong. */
  async #request(
    /** @type {string} */ path,
    /** @type {RequestInit} */ options,
    /** @type {AbortSignal} */ signal,
    page = 1,
  ) {
    this.#report("searching");
    this.#found.setAttribute("aria-busy", "true");
    try {
      const answer = await this.ask(path, { ...options, signal });
      if (!signal.aborted) this.#show(answer, page);
    } catch (error) {
      if (signal.aborted) return;
      const again = () => this.#request(path, options, this.begin(), page);
      this.#found.replaceChildren(this.#problem(error, again));
      this.#focusTitle();
    }
    this.#found.removeAttribute("aria-busy");
  }

  /** Start another search, to which `#goBack` returns from the next one. */
  #follow(/** @type {Partial<Search>} */ changes) {
    this.#past.push(this.#search);
    this.#search = { ...this.#search, crop: "", more: [], less: [], group: undefined, ...changes };
    this.#showAnswer();
    this.#refine();
  }

  #goBack() {
    const search = this.#past.pop();
    if (!search) return;
    this.#search = search;
    this.#showAnswer();
    this.#refine();
  }

  // Showing results

  /** Everything around the results, which come later. */
  #showAnswer() {
    this.#name();
    this.#drawQuery();
    this.#drawFilters();
    const waiting = make("li", { class: "card waiting" }, make("span", { class: "picture" }), make("span", { class: "name" }));
    const cards = [...Array(8)].map(() => waiting.cloneNode(true));
    this.#found.replaceChildren(
      make("h3", { id: "found", tabindex: -1 }, this.say("searching")),
      make("ul", { class: "grid", "aria-hidden": true }, cards),
    );
    const isWide = matchMedia("(min-width: 681px)").matches;
    const filters = make(
      "details",
      { class: "filters", part: "filters", open: isWide },
      make("summary", {}, icon("filters"), this.say("filters"), this.#badge),
      this.#filters,
    );
    const side = make("div", { class: "side" }, this.#query, filters);
    this.#body.replaceChildren(make("div", { class: "answer" }, side, this.#found));
    this.#body.scrollTop = 0;
    this.#focusTitle();
  }

  #focusTitle() {
    const title = this.root.getElementById("found");
    title?.focus({ preventScroll: true });
  }

  #drawQuery() {
    const { liked, crop } = this.#search;
    const another = this.#words(this.say("another"), () => this.#start());
    this.#query.classList.remove("large");
    if (liked) {
      const image = make("img", { src: liked.image_src, alt: liked.name });
      const about = make("figcaption", { class: "about fine" }, make("p", {}, this.say("liked")), another);
      this.#query.replaceChildren(image, about);
      return;
    }
    const use = (/** @type {string} */ box) => {
      this.#search.crop = box;
      describe();
      this.#refine();
    };
    const how = make("p");
    const whole = this.#words(this.say("whole"), () => {
      use("");
      this.#drawQuery();
    });
    const enlarge = this.#words(this.say("crop"), () => this.#query.classList.add("large"));
    enlarge.classList.add("small-only");
    const describe = () => {
      how.textContent = this.#search.crop ? this.say("cropped") : this.say("cropHow");
      whole.hidden = !this.#search.crop;
    };
    describe();
    const canvas = this.#canvas;
    canvas?.setAttribute("role", "img");
    canvas?.setAttribute("aria-label", this.say("photo"));
    const photo = canvas && croppable(canvas, crop, this.say("part"), use);
    photo?.addEventListener("click", () => this.#query.classList.add("large"));
    const keys = make("span", { class: "hidden", id: "keys" }, this.say("cropKeys"));
    const about = make("figcaption", { class: "about fine" }, photo && [how, keys, enlarge, whole], another);
    this.#query.replaceChildren(...(photo ? [photo, about] : [about]));
  }

  #words(/** @type {string} */ text, /** @type {(event: Event) => void} */ click) {
    return make("button", { class: "words", type: "button", click }, text);
  }

  #show(/** @type {Answer} */ answer, /** @type {number} */ page) {
    if (!this.tell("results", answer)) return this.close();
    const search = this.#search;
    search.query = answer.query.id;
    const { count, results, nearest } = answer;
    const least = Math.round(100 * Number(search.options.threshold));
    const title = count ? this.count("found", count, { least }) : this.say("nothing");
    this.#status.textContent = title;
    this.#drawFacets(answer);
    const shown = page > 1 ? [...this.#found.querySelectorAll(".grid > .card")] : [];
    const fresh = (count ? results : nearest).map((product) => this.#result(product));
    const cards = [...shown, ...fresh];
    const pressed = this.root.activeElement?.id;
    this.#found.replaceChildren(
      ...[
        make("h3", { id: "found", tabindex: -1 }, title),
        this.#notes(answer, least),
        this.#votes(),
        make("ul", { class: "grid", part: "grid" }, cards),
        cards.length < count &&
          make("button", { class: "button quiet next", part: "next", type: "button", click: () => this.#refine(page + 1) }, this.say("next")),
      ].flat().filter((part) => part instanceof Node),
    );
    if (shown.length) fresh[0]?.querySelector("a")?.focus({ preventScroll: true });
    else if (!this.root.activeElement || pressed)
      (this.root.getElementById(pressed ?? "") ?? this.root.getElementById("found"))?.focus({ preventScroll: true });
  }

  /** What to say about results beside their number. */
  #notes(/** @type {Answer} */ { count, nearest, index }, /** @type {number} */ least) {
    const { group, options } = this.#search;
    const notes = [];
    if (group) {
      const name = group.name;
      notes.push(make("p", { class: "fine" }, this.say("variantsOf", { name }), " ", this.#words(this.say("back"), () => this.#goBack())));
    }
    if (count) return notes;
    const limit = index.bands.findLast((band) => band.least !== null)?.least ?? 0;
    const percent = Math.round(100 * limit);
    if (this.#active())
      notes.push(make("p", {}, this.say("noneFiltered", { least }), " ", this.#words(this.say("withoutFilters"), () => this.#change({ category: [], availability: [], min_price: "", max_price: "" }))));
    else notes.push(make("p", {}, this.say("noneReaches", { least })));
    if (limit < Number(options.threshold))
      notes.push(make("button", { class: "button", type: "button", click: () => this.#change({ threshold: String(limit) }) }, this.say("showSimilar", { least: percent })));
    if (nearest.length) notes.push(make("h4", {}, this.say("nearest")));
    return notes;
  }

  #result(/** @type {Product} */ product) {
    const { id, name, more } = product;
    const described = (/** @type {string} */ text) => `${text}: ${name}`;
    const similar = make("button", { class: "words", part: "similar", type: "button", click: () => this.#follow({ query: `product-${id}`, liked: product, options: { ...this.#search.options, threshold: THRESHOLD } }) }, this.say("similar"), make("span", { class: "hidden" }, ` ${name}`));
    const vote = (/** @type {"more" | "less"} */ side, /** @type {string} */ text) =>
      make(
        "button",
        {
          class: side === "less" ? "vote turned" : "vote", part: "vote", type: "button", id: `${side}-${id}`, title: text,
          "aria-label": described(text), "aria-pressed": this.#search[side].some((each) => each.id === id),
          click: () => this.#vote(side, product),
        },
        icon("thumb"),
      );
    const variants = more > 0 && this.#words(this.say("variants", { more }), () => this.#follow({ crop: this.#search.crop, more: this.#search.more, less: this.#search.less, group: product }));
    return this.card(
      product,
      variants && make("div", { class: "actions" }, variants),
      make("div", { class: "actions" }, similar, vote("more", this.say("more")), vote("less", this.say("less"))),
    );
  }

  // Votes and filters

  #vote(/** @type {"more" | "less"} */ side, /** @type {Product} */ product) {
    const search = this.#search;
    const isUndone = search[side].some(({ id }) => id === product.id);
    for (const each of /** @type {const} */ (["more", "less"]))
      search[each] = search[each].filter(({ id }) => id !== product.id);
    if (!isUndone) search[side].push(product);
    this.#refine();
  }

  #votes() {
    const { more, less } = this.#search;
    if (!more.length && !less.length) return null;
    const chip = (/** @type {"more" | "less"} */ side, /** @type {string} */ undo) =>
      this.#search[side].map((product) =>
        make(
          "li",
          { class: side === "less" ? "turned" : "" },
          make("button", { class: "chip", part: "chip", type: "button", "aria-label": `${undo}: ${product.name}`, click: () => this.#vote(side, product) }, icon("thumb"), product.name, " ✕"),
        ),
      );
    const undoAll = () => {
      this.#search.more = [];
      this.#search.less = [];
      this.#refine();
    };
    return make(
      "ul",
      { class: "chips", "aria-label": this.say("votes") },
      chip("more", this.say("undoMore")),
      chip("less", this.say("undoLess")),
      make("li", {}, this.#words(this.say("undoAll"), undoAll)),
    );
  }

  /** How many filters are set. */
  #active() {
    const { category, availability, min_price, max_price } = this.#search.options;
    return [category, availability].flat().filter(Boolean).length + Number(Boolean(min_price || max_price));
  }

  /** Change options from elsewhere than the filters. */
  #change(/** @type {Options} */ options) {
    Object.assign(this.#search.options, options);
    this.#drawFilters();
    this.#refine();
  }

  #filter(/** @type {Event} */ { target }) {
    if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return;
    const { options } = this.#search;
    const given = new FormData(this.#filters);
    if (target.type === "checkbox") options[target.name] = given.getAll(target.name).map(String);
    else options[target.name] = target.value;
    const output = this.#filters.querySelector("output");
    if (output) output.value = this.number(Number(options.threshold), { style: "percent" });
    clearTimeout(this.#pausing);
    this.#pausing = setTimeout(() => this.#refine(), target.type === "checkbox" ? 0 : PAUSE);
  }

  #drawFilters() {
    const { options } = this.#search;
    const orders = { "-score": this.say("best"), price: this.say("cheapest"), "-price": this.say("dearest") };
    const number = (/** @type {string} */ name, /** @type {string} */ label) =>
      make("input", { class: "field", type: "number", name, min: 0, step: "any", inputmode: "decimal", "aria-label": label, value: options[name] });
    this.#badge.hidden = true;
    this.#filters.replaceChildren(
      make(
        "div",
        { class: "filter" },
        make("output", { for: "threshold" }, this.number(Number(options.threshold), { style: "percent" })),
        make("label", { for: "threshold" }, this.say("threshold")),
        make("input", { id: "threshold", type: "range", name: "threshold", min: 0, max: 1, step: 0.01, value: options.threshold, "aria-describedby": "hint" }),
        make("p", { class: "fine", id: "hint" }, this.say("thresholdHint")),
      ),
      make(
        "div",
        { class: "filter" },
        make("label", { for: "ordering" }, this.say("order")),
        make(
          "select",
          { class: "field", id: "ordering", name: "ordering" },
          Object.entries(orders).map(([value, text]) => make("option", { value, selected: value === options.ordering }, text)),
        ),
      ),
      make(
        "fieldset",
        { class: "filter" },
        make("legend", {}, this.say("price")),
        make("div", { class: "pair" }, number("min_price", this.say("atLeast")), "–", number("max_price", this.say("atMost"))),
      ),
      make("fieldset", { class: "filter", id: "category" }),
      make("fieldset", { class: "filter", id: "availability" }),
    );
  }

  /** The choices among the filters, which every answer changes. */
  #drawFacets(/** @type {Answer} */ { facets }) {
    const { options } = this.#search;
    const focused = this.root.activeElement;
    const { min, max } = facets.price;
    for (const [name, value] of Object.entries({ min_price: min, max_price: max })) {
      const input = this.#filters.querySelector(`[name="${name}"]`);
      if (input instanceof HTMLInputElement) input.placeholder = value === null ? "" : this.number(value);
    }
    const stock = facets.availability.map(({ value, count }) => ({ name: value, count }));
    const isChoice = stock.some(({ name }) => name !== "in_stock") || options.availability.length;
    this.#drawChips("category", this.say("category"), facets.category);
    this.#drawChips("availability", this.say("stock"), isChoice ? stock : []);
    const active = this.#active();
    this.#badge.textContent = String(active);
    this.#badge.hidden = !active;
    if (focused instanceof HTMLInputElement && !focused.isConnected)
      for (const input of this.#filters.querySelectorAll("input"))
        if (input.name === focused.name && input.value === focused.value) input.focus({ preventScroll: true });
  }

  #drawChips(
    /** @type {"category" | "availability"} */ kind,
    /** @type {string} */ legend,
    /** @type {{name: string, count: number}[]} */ counts,
  ) {
    const chosen = [this.#search.options[kind] ?? []].flat();
    const missing = chosen.filter((name) => !counts.some((each) => each.name === name));
    const all = [...counts, ...missing.map((name) => ({ name, count: 0 }))];
    const chips = all.map(({ name, count }) =>
      make(
        "label",
        { class: "chip", part: "chip" },
        make("input", { type: "checkbox", name: kind, value: name, checked: chosen.includes(name) }),
        kind === "availability" ? this.translated(kind, name) : name,
        make("small", {}, this.number(count)),
      ),
    );
    const fieldset = this.#filters.querySelector(`#${kind}`);
    const parts = [make("legend", {}, legend), make("div", { class: "chips" }, chips)];
    fieldset?.replaceChildren(...(chips.length ? parts : []));
  }
}

// <similar-products>

const AHEAD = "600px"; // how far below the window the shelf starts to load

class SimilarProducts extends ShopElement {
  static observedAttributes = ["src", "sku", "product"];

  #observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.#load();
    },
    { rootMargin: `${AHEAD} 0px` },
  );

  connectedCallback() {
    this.#wait();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  attributeChangedCallback(/** @type {string} */ _, /** @type {string | null} */ old) {
    if (old !== null && this.isConnected) this.#wait();
  }

  /** Be empty until the window comes near. */
  #wait() {
    this.begin();
    this.removeAttribute("state");
    this.root.replaceChildren();
    this.#observer.disconnect();
    this.#observer.observe(this);
  }

  async #load() {
    this.#observer.disconnect();
    const signal = this.begin();
    try {
      const [answer] = await Promise.all([this.ask(this.#path(), { signal }), this.learnWords()]);
      if (!signal.aborted) this.#show(answer);
    } catch {
      if (!signal.aborted) this.setAttribute("state", "empty");
    }
  }

  #path() {
    const [sku, product] = ["sku", "product"].map((name) => this.getAttribute(name));
    const options = { threshold: "0", limit: "6", ...this.options };
    const written = new URLSearchParams(
      Object.entries(options).flatMap(([name, values]) => [values].flat().map((value) => [name, value])),
    );
    const which = product ? encodeURIComponent(product) : `by-sku/${encodeURIComponent(sku ?? "")}`;
    return `/api/products/${which}/similar/?${written}`;
  }

  #show(/** @type {Answer} */ answer) {
    const lowest = answer.index.bands.at(-1)?.name;
    const isGiven = this.hasAttribute("threshold");
    const products = answer.results.filter(({ match }) => isGiven || match !== lowest);
    if (!products.length || !this.tell("results", answer)) return this.setAttribute("state", "empty");
    const heading = this.getAttribute("heading") ?? this.say("looksSimilar");
    const shelf = make(
      "section",
      { class: "shelf", part: "shelf", lang: this.speech.language, dir: this.direction, "aria-label": heading || this.say("looksSimilar") },
      heading && make("h2", { part: "heading" }, heading),
      make("ul", { class: "row", part: "grid" }, products.map((product) => this.card(product))),
    );
    this.root.replaceChildren(shelf);
    this.setAttribute("state", "shown");
  }
}

if (!customElements.get("visual-search")) {
  customElements.define("visual-search", VisualSearch);
  customElements.define("similar-products", SimilarProducts);
}
