// @ts-check
/** The marks of products that are not drawn as pictures, in a colour and shape for each category. */

const COLOURS = 7;
const OPAQUE = 0xff000000; // the highest byte of a pixel, as all browsers' machines have it

/** Outlines of a mark of radius 1. Colours and shapes have no common divisor: 28 pairs differ. */
const SHAPES = [
  (/** @type {Path2D} */ path) => path.arc(0, 0, 0.95, 0, 7),
  (/** @type {Path2D} */ path) => path.rect(-0.82, -0.82, 1.64, 1.64),
  (/** @type {Path2D} */ path) => polygon(path, [0, -1.15, 1.05, 0.75, -1.05, 0.75]),
  (/** @type {Path2D} */ path) => polygon(path, [0, -1.15, 1.15, 0, 0, 1.15, -1.15, 0]),
];

/**
 * The mark of a category.
 * @param {Element} place where the colours hold
 * @param {number} kind index of the category
 * @param {number} radius
 */
export function mark(place, kind, radius) {
  const side = Math.ceil(2 * (1.2 * radius + 1) * devicePixelRatio);
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = contextOf(canvas);
  const outline = new Path2D();
  SHAPES[kind % SHAPES.length](outline);
  const scale = radius * devicePixelRatio;
  context.setTransform(scale, 0, 0, scale, side / 2, side / 2);
  context.fillStyle = colour(place, `--dot-${kind % COLOURS}`);
  context.strokeStyle = colour(place, "--raised"); // parts marks that overlap
  context.lineWidth = 1.5 / radius;
  context.stroke(outline);
  context.fill(outline);
  return canvas;
}

/** The value of a custom property, such as --ink. */
export function colour(/** @type {Element} */ place, /** @type {string} */ name) {
  return getComputedStyle(place).getPropertyValue(name);
}

/**
 * Puts marks on a canvas by copying their pixels: where no graphics processor helps, that takes
 * a tenth of the time of drawing as many images.
 */
export class Stamp {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLCanvasElement[]} marks by category, of one size
   */
  constructor(canvas, marks) {
    this.context = contextOf(canvas);
    this.image = this.context.createImageData(canvas.width || 1, canvas.height || 1);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.side = marks[0]?.width ?? 0;
    this.marks = marks.map(pixelsOf);
  }

  /** Put down a mark around a pixel. What is outside of the canvas is cut off. */
  put(/** @type {number} */ kind, /** @type {number} */ left, /** @type {number} */ top) {
    const { pixels, side, image: { width, height } } = this;
    const mark = this.marks[kind];
    const x = Math.round(left - side / 2);
    const y = Math.round(top - side / 2);
    const [first, end] = [Math.max(0, -x), Math.min(side, width - x)];
    for (let row = Math.max(0, -y); row < side && row + y < height; row++) {
      const to = (row + y) * width + x;
      for (let column = first; column < end; column++) {
        const pixel = mark[row * side + column];
        if (pixel) pixels[to + column] = pixel;
      }
    }
  }

  /** Show what was put down, in place of all there was, and begin anew. */
  print() {
    this.context.putImageData(this.image, 0, 0);
    this.pixels.fill(0);
  }
}

/** Its pixels, either opaque or 0. */
function pixelsOf(/** @type {HTMLCanvasElement} */ canvas) {
  const { data } = contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint32Array(data.buffer);
  return pixels.map((pixel) => (pixel >>> 24 > 127 ? (pixel | OPAQUE) >>> 0 : 0));
}

function contextOf(/** @type {HTMLCanvasElement} */ canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

function polygon(/** @type {Path2D} */ path, /** @type {number[]} */ corners) {
  for (let i = 0; i < corners.length; i += 2) path.lineTo(corners[i], corners[i + 1]);
  path.closePath();
}
