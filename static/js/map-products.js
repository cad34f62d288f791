// @ts-check
/** Names and pictures of products, asked for by the hundred when they are wanted. */

/**
 * @typedef {object} Product as `/api/products/` gives it
 * @property {number} id
 * @property {string} name
 * @property {string} category
 * @property {number} price
 * @property {string} currency
 * @property {string | null} image_src
 * @property {string} url
 */

const BATCH = 100; // what the API gives at once
const SIDE = 160; // pixels of a kept thumbnail
const KEPT = 600; // thumbnails, some 100 kB each

export class Products {
  /** @type {Map<number, Promise<Product | undefined>>} */
  #known = new Map();
  /** @type {Map<number, HTMLCanvasElement | null>} null while it is on its way, or if it fails */
  #thumbnails = new Map();

  /**
   * @param {string} address of the list of products
   * @param {() => void} arrived called when there is another thumbnail to draw
   */
  constructor(address, arrived) {
    this.address = address;
    this.arrived = arrived;
  }

  /** A product, undefined where it is gone or can't be had now. */
  async get(/** @type {number} */ id) {
    this.#ask([id]);
    return this.#known.get(id);
  }

  /** A product's thumbnail, if it is there already. */
  thumbnail(/** @type {number} */ id) {
    return this.#thumbnails.get(id) ?? null;
  }

  /** Have these products' thumbnails before long. */
  want(/** @type {number[]} */ ids) {
    const missing = ids.filter((id) => !this.#thumbnails.has(id));
    this.#ask(missing);
    for (const id of missing) this.#load(id);
    for (const id of this.#thumbnails.keys()) {
      if (this.#thumbnails.size <= KEPT) break;
      this.#thumbnails.delete(id); // the oldest first
    }
  }

  #ask(/** @type {number[]} */ ids) {
    const unknown = ids.filter((id) => !this.#known.has(id));
    for (let i = 0; i < unknown.length; i += BATCH) {
      const batch = unknown.slice(i, i + BATCH);
      const answer = this.#fetch(batch);
      for (const id of batch) this.#known.set(id, answer.then((found) => found.get(id)));
    }
  }

  async #fetch(/** @type {number[]} */ ids) {
    const options = new URLSearchParams(ids.map((id) => ["id", String(id)]));
    options.set("limit", String(BATCH));
    try {
      const response = await fetch(`${this.address}?${options}`);
      if (!response.ok) throw new Error(response.statusText);
      /** @type {{results: Product[]}} */
      const { results } = await response.json();
      return new Map(results.map((product) => [product.id, product]));
    } catch {
      for (const id of ids) this.#known.delete(id); // so that it is asked for again
      return new Map();
    }
  }

  async #load(/** @type {number} */ id) {
    this.#thumbnails.set(id, null);
    const address = (await this.get(id))?.image_src;
    if (!address) return;
    const image = Object.assign(new Image(), { src: address });
    const loaded = await image.decode().then(() => true, () => false);
    if (!loaded) return;
    this.#thumbnails.set(id, thumbnailOf(image));
    this.arrived();
  }
}

/** The middle of a picture, small, with round corners: drawing it costs little in every frame. */
function thumbnailOf(/** @type {HTMLImageElement} */ image) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  if (!context) return null;
  const { naturalWidth: width, naturalHeight: height } = image;
  const side = Math.min(width, height);
  context.beginPath();
  context.roundRect(0, 0, SIDE, SIDE, SIDE / 8);
  context.clip();
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return canvas;
}
