// @ts-check
/** What is told of the product that is pointed at: its picture, its name and a way to its page. */

import { byId } from "./dom.js";

/** @typedef {import("./map-camera.js").Camera} Camera */
/** @typedef {import("./map-points.js").Points} Points */
/** @typedef {import("./map-products.js").Products} Products */

const GAP = 8; // pixels between a dot and what is told of it
const PATIENCE = 300; // milliseconds to get from the dot to the tip

export class Tip {
  /** Which product it tells of, -1 of none. */
  product = -1;
  #leaving = 0;
  #link = byId("map-tip", HTMLAnchorElement);
  #status = byId("map-status", HTMLElement);

  /**
   * @param {Camera} camera
   * @param {Points} points
   * @param {Products} products
   * @param {() => void} redraw
   */
  constructor(camera, points, products, redraw) {
    this.camera = camera;
    this.points = points;
    this.products = products;
    this.redraw = redraw;
    this.#link.addEventListener("pointerenter", () => clearTimeout(this.#leaving));
    this.#link.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.leave();
    });
  }

  /** Tell of a product; `aloud` to those as well who don't see it. */
  async show(/** @type {number} */ i, { aloud = false } = {}) {
    clearTimeout(this.#leaving);
    if (i === this.product) return;
    this.hide();
    this.product = i;
    this.redraw();
    const product = await this.products.get(this.points.ids[i]);
    if (!product || this.product !== i) return;
    this.#fill(product);
    if (aloud) this.#status.textContent = this.#link.innerText.trim().replace(/\s*\n\s*/g, ", ");
  }

  /** Hide it in a moment, unless the pointer comes to it or to another dot. */
  leave() {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.hide(), PATIENCE);
  }

  hide() {
    clearTimeout(this.#leaving);
    if (this.product < 0) return;
    this.product = -1;
    this.#link.hidden = true;
    this.redraw();
  }

  /** Go to the product's page. */
  async open() {
    const product = await this.products.get(this.points.ids[this.product]);
    if (product) location.assign(product.url);
  }

  /** Put it beside its dot, where there is room. */
  place() {
    if (this.#link.hidden) return;
    const { camera, points } = this;
    const { offsetWidth: width, offsetHeight: height } = this.#link;
    const left = camera.left(points.x[this.product]);
    const top = camera.top(points.y[this.product]);
    if (left < 0 || top < 0 || left > camera.width || top > camera.height) return this.hide();
    const away = points.half + GAP;
    const above = top - away - height;
    const room = Math.max(0, camera.width - width);
    this.#link.style.left = `${Math.min(room, Math.max(0, left - width / 2))}px`;
    this.#link.style.top = `${above > 0 ? above : top + away}px`;
  }

  #fill(/** @type {import("./map-products.js").Product} */ product) {
    const picture = /** @type {HTMLImageElement} */ (this.#link.querySelector("img"));
    const [name, facts] = this.#link.querySelectorAll("span");
    picture.hidden = !product.image_src;
    if (product.image_src) picture.src = product.image_src;
    name.textContent = product.name;
    facts.textContent = `${product.category} · ${price(product)}`;
    this.#link.href = product.url;
    this.#link.hidden = false;
    this.place();
  }
}

function price(/** @type {{price: number, currency: string}} */ { price, currency }) {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `${price.toLocaleString(document.documentElement.lang, digits)} ${currency}`;
}
