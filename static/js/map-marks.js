/** The marks of products on the map: a colour and a shape for each category. */

const COLOURS = 7; // in the style sheet
// Outlines of radius 1. Colours and shapes have no common divisor: 28 categories look different.
const SHAPES = [
  "M .95 0 A .95 .95 0 1 1 -.95 0 A .95 .95 0 1 1 .95 0",
  "M -.82 -.82 H .82 V .82 H -.82 Z",
  "M 0 -1.15 L 1.05 .75 H -1.05 Z",
  "M 0 -1.15 L 1.15 0 L 0 1.15 L -1.15 0 Z",
].map((outline) => new Path2D(outline));

/** A canvas with the mark of a category, in the colours that `element` has. */
export function drawMark(element, kind, radius) {
  const side = Math.ceil(2 * (1.2 * radius + 1) * devicePixelRatio);
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d");
  const scale = radius * devicePixelRatio;
  const style = getComputedStyle(element);
  context.setTransform(scale, 0, 0, scale, side / 2, side / 2);
  context.fillStyle = style.getPropertyValue(`--dot-${kind % COLOURS}`);
  context.strokeStyle = style.getPropertyValue("--raised"); // separates marks that overlap
  context.lineWidth = 1.5 / radius;
  context.stroke(SHAPES[kind % SHAPES.length]);
  context.fill(SHAPES[kind % SHAPES.length]);
  return canvas;
}

/** A Leaflet layer that draws the marks of all products on tiles, so that panning costs nothing. */
export function marksLayer({ x, y, kinds, shown, markRadius, tileSize }) {
  const layer = L.gridLayer({ tileSize });
  layer.createTile = ({ x: column, y: row, z: zoom }) => {
    const [scale, side] = [devicePixelRatio, tileSize * devicePixelRatio];
    const tile = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const context = tile.getContext("2d");
    const marks = shown.map((_, kind) => drawMark(layer.getContainer(), kind, markRadius(zoom)));
    const { x: width, y: height } = layer._map.project([1, 1], zoom);
    const half = marks.length ? marks[0].width / 2 : 0;
    for (let i = 0; i < x.length; i++) {
      const left = Math.round((x[i] * width - column * tileSize) * scale - half);
      const top = Math.round((y[i] * height - row * tileSize) * scale - half);
      const isOnTile = left > -2 * half && top > -2 * half && left < side && top < side;
      if (isOnTile && shown[kinds[i]]) context.drawImage(marks[kinds[i]], left, top);
    }
    return tile;
  };
  return layer;
}
