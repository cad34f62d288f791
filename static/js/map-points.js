// @ts-check
/** The places of all products, and which of them is where. */

/** @typedef {import("./map-camera.js").Camera} Camera */
/**
 * @typedef {object} Answer what `/api/map/` gives
 * @property {number} total
 * @property {number} shown
 * @property {string[]} categories
 * @property {[number, number, number, number][]} points product id, x, y, index of its category
 */

const REACH = 14; // pixels within which a pointer means a dot

export class Points {
  /** @param {Answer} answer */
  constructor({ points, categories }) {
    this.categories = categories;
    this.ids = points.map((point) => point[0]);
    this.x = Float32Array.from(points, (point) => point[1]);
    this.y = Float32Array.from(points, (point) => point[2]);
    this.kinds = Uint16Array.from(points, (point) => point[3]);
    this.chosen = new Set(); // names of categories; empty: all
    this.half = 0; // pixels from a place to the edge of what is drawn there
  }

  get length() {
    return this.ids.length;
  }

  /** For each category, whether its products are shown. */
  get shown() {
    return this.categories.map((name) => !this.chosen.size || this.chosen.has(name));
  }

  /**
   * The product nearest to a point of the frame, -1 where none is near.
   * @param {Camera} camera
   * @param {number} left
   * @param {number} top
   * @param {number} [reach] in pixels, at the least
   */
  at(camera, left, top, reach = REACH) {
    const most = Math.max(reach, 1.2 * this.half);
    return this.#best((dx, dy) => {
      const far = Math.hypot(dx, dy);
      return far <= most ? far : Infinity;
    }, camera, left, top);
  }

  /**
   * The next product from this one to the right, left, top or bottom, -1 where there is none.
   * @param {Camera} camera
   * @param {number} from
   * @param {number} right -1, 0 or 1
   * @param {number} down
   */
  beside(camera, from, right, down) {
    const [left, top] = [camera.left(this.x[from]), camera.top(this.y[from])];
    return this.#best((dx, dy) => {
      const ahead = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      return ahead > 0 && aside <= ahead ? ahead + 2 * aside : Infinity;
    }, camera, left, top);
  }

  /**
   * The shown product for which `cost` is least, from its distance to a point of the frame.
   * @param {(dx: number, dy: number) => number} cost
   * @param {Camera} camera
   * @param {number} left
   * @param {number} top
   */
  #best(cost, camera, left, top) {
    const { shown } = this;
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < this.length; i++) {
      if (!shown[this.kinds[i]]) continue;
      const found = cost(camera.left(this.x[i]) - left, camera.top(this.y[i]) - top);
      if (found < least) [best, least] = [i, found];
    }
    return best;
  }
}
