// @ts-check
/** Which part of the map is seen. Places on the map are 0..1 both ways, whatever its shape. */

export const CLOSEST = 400; // times as large as when all is seen
const MARGIN = 0.06; // of the frame, around all when all is seen

export class Camera {
  width = 1;
  height = 1;
  zoom = 1;
  x = 0.5; // the place in the middle of the frame
  y = 0.5;

  /** Pixels to the whole map's width. */
  get across() {
    return this.width * (1 - 2 * MARGIN) * this.zoom;
  }

  /** Pixels to the whole map's height. */
  get down() {
    return this.height * (1 - 2 * MARGIN) * this.zoom;
  }

  /** Where a place is in the frame, in pixels from its left. */
  left(/** @type {number} */ x) {
    return (x - this.x) * this.across + this.width / 2;
  }

  /** Where a place is in the frame, in pixels from its top. */
  top(/** @type {number} */ y) {
    return (y - this.y) * this.down + this.height / 2;
  }

  resize(/** @type {number} */ width, /** @type {number} */ height) {
    this.width = width;
    this.height = height;
  }

  /** Move by so many pixels; the middle of the frame stays on the map. */
  pan(/** @type {number} */ right, /** @type {number} */ down) {
    this.x = within(this.x - right / this.across, 0, 1);
    this.y = within(this.y - down / this.down, 0, 1);
  }

  /**
   * Come nearer by a factor; what is under this point of the frame stays there.
   * @param {number} factor
   * @param {number} left
   * @param {number} top
   */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const before = this.zoom;
    this.zoom = within(before * factor, 1, CLOSEST);
    const less = 1 / before - 1 / this.zoom;
    const room = 1 - 2 * MARGIN;
    this.x = within(this.x + ((left - this.width / 2) * less) / (this.width * room), 0, 1);
    this.y = within(this.y + ((top - this.height / 2) * less) / (this.height * room), 0, 1);
    if (this.zoom === 1) this.x = this.y = 0.5;
  }

  /** See all of the map. */
  reset() {
    this.zoom = 1;
    this.x = this.y = 0.5;
  }

  /** Move as little as it takes to have a place well inside the frame. */
  reveal(/** @type {number} */ x, /** @type {number} */ y) {
    const [left, top] = [this.left(x), this.top(y)];
    const edge = Math.min(80, this.width / 4, this.height / 4);
    const right = within(left, edge, this.width - edge) - left;
    this.pan(right, within(top, edge, this.height - edge) - top);
  }
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function within(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
