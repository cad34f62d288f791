// @ts-check
/** Draws the map: a mark of its category for every product, its picture where few are seen. */

import { colour, mark, Stamp } from "./map-marks.js";

/** @typedef {import("./map-camera.js").Camera} Camera */
/** @typedef {import("./map-points.js").Points} Points */
/** @typedef {import("./map-products.js").Products} Products */

const PICTURES = 60; // the most that are drawn as pictures
const REACH = 60; // pixels from the middle of what is drawn to its edge, at the most

export class Drawing {
  /** @type {Stamp | null} */
  #stamp = null;
  #radius = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Points} points
   * @param {Products} products
   */
  constructor(canvas, points, products) {
    this.canvas = canvas;
    this.points = points;
    this.products = products;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** Take up other colours, another size or another density of pixels. */
  forget() {
    this.#stamp = null;
  }

  /** Draw what the camera sees; one product may be chosen. */
  draw(/** @type {Camera} */ camera, chosen = -1) {
    const { points } = this;
    const seen = this.#seen(camera);
    const side = seen.length <= PICTURES ? pictureSide(camera, seen.length) : 0;
    const stamp = this.#prepare(camera);
    points.half = Math.max(this.#radius, side / 2);
    for (const i of seen)
      stamp.put(
        points.kinds[i],
        camera.left(points.x[i]) * devicePixelRatio,
        camera.top(points.y[i]) * devicePixelRatio,
      );
    stamp.print();
    this.context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    if (side) {
      for (const i of seen) this.#putPicture(i, camera, side);
      this.products.want(seen.map((i) => points.ids[i]));
    }
    if (chosen >= 0) this.#choose(chosen, camera, side);
  }

  /** The shown products that are in the frame or reach into it. */
  #seen(/** @type {Camera} */ camera) {
    const { x, y, kinds, shown, length } = this.points;
    const reachX = (camera.width / 2 + REACH) / camera.across;
    const reachY = (camera.height / 2 + REACH) / camera.down;
    const seen = [];
    for (let i = 0; i < length; i++) {
      const isNear = Math.abs(x[i] - camera.x) < reachX && Math.abs(y[i] - camera.y) < reachY;
      if (isNear && shown[kinds[i]]) seen.push(i);
    }
    return seen;
  }

  /** A stamp of marks as large as fits. */
  #prepare(/** @type {Camera} */ camera) {
    const { canvas, points } = this;
    const room = Math.sqrt((camera.width * camera.height) / (points.length || 1));
    const radius = Math.min(9, Math.max(2.5, Math.round(room * camera.zoom ** 0.5 * 0.3) / 2));
    if (!this.#stamp || radius !== this.#radius) {
      this.#radius = radius;
      const marks = points.categories.map((_, kind) => mark(canvas, kind, radius));
      this.#stamp = new Stamp(canvas, marks);
    }
    return this.#stamp;
  }

  /** Draw a product's picture, if it is there, and say whether it is. */
  #putPicture(/** @type {number} */ i, /** @type {Camera} */ camera, /** @type {number} */ side) {
    const { points, context } = this;
    const picture = this.products.thumbnail(points.ids[i]);
    if (!picture) return false;
    const left = camera.left(points.x[i]) - side / 2;
    context.drawImage(picture, left, camera.top(points.y[i]) - side / 2, side, side);
    return true;
  }

  /** Draw a line around a product; its picture comes above its neighbours'. */
  #choose(/** @type {number} */ i, /** @type {Camera} */ camera, /** @type {number} */ side) {
    const { points, context } = this;
    const isPicture = side > 0 && this.#putPicture(i, camera, side);
    const half = isPicture ? side / 2 + 1 : this.#radius + 5;
    const [left, top] = [camera.left(points.x[i]), camera.top(points.y[i])];
    context.beginPath();
    context.roundRect(left - half, top - half, 2 * half, 2 * half, isPicture ? side / 8 : half);
    context.lineWidth = 3;
    context.strokeStyle = colour(this.canvas, "--ink");
    context.stroke();
  }
}

function pictureSide(/** @type {Camera} */ camera, /** @type {number} */ count) {
  const room = Math.sqrt((camera.width * camera.height) / (count || 1));
  return Math.min(2 * REACH, Math.max(30, room / 2));
}
