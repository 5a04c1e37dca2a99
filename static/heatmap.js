// Where the frame model sees traces: a map of a face drawn over its crop and over the frame it comes from.

const REMEMBERED = "framewitness-heat-map";
/** From "nothing" to "surely": violet to yellow, told apart by lightness alone too; what is low is not drawn. */
const COLOURS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const INVISIBLE_BELOW = 0.15;
const STRONGEST_OPACITY = 0.72;

/** Whether the person wants to see it; off at first, because a coloured face looks guilty before anybody has read why. */
export function isWanted() {
  try {
    return localStorage.getItem(REMEMBERED) === "on";
  } catch {
    return false; // a browser that keeps nothing
  }
}

export function remember(wanted) {
  try {
    localStorage.setItem(REMEMBERED, wanted ? "on" : "off");
  } catch {
    // It is switched for this page alone.
  }
}

/** A canvas that shows `map` over a square crop, transparent where nothing is seen. */
export function overCrop(map) {
  const canvas = document.createElement("canvas");
  canvas.className = "heat-map";
  canvas.width = 256;
  canvas.height = 256;
  canvas.setAttribute("aria-hidden", "true");
  paint(canvas.getContext("2d"), map, canvas.width);
  return canvas;
}

/** Paints the map of every face onto `canvas`, which covers a frame shown `across` and `down` times its size in pixels. */
export function overFrame(canvas, faces, { across, down, width, height }) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  for (const { map, corners } of faces) {
    if (!map || !corners) continue;
    const [origin, right, below] = corners.map(([x, y]) => [x * across, y * down]);
    context.setTransform(right[0] - origin[0], right[1] - origin[1], below[0] - origin[0], below[1] - origin[1], ...origin);
    paint(context, map, 1);
  }
}

/** The map over a crop that is drawn as a square of `side` from the origin. */
function paint(context, map, side) {
  const covered = side * map.coversRatio;
  const first = (side - covered) / 2;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(cells(map), first, first, covered, covered);
}

/** A pixel a cell. */
function cells(map) {
  const canvas = document.createElement("canvas");
  canvas.width = map.side;
  canvas.height = map.side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.side, map.side);
  map.cells.forEach((percent, cell) => image.data.set(colour(percent / 100), 4 * cell));
  context.putImageData(image, 0, 0);
  return canvas;
}

function colour(probability) {
  const place = Math.min(Math.max(probability, 0), 1) * (COLOURS.length - 1);
  const lower = COLOURS[Math.floor(place)];
  const upper = COLOURS[Math.ceil(place)];
  const between = lower.map((value, channel) => value + (upper[channel] - value) * (place % 1));
  const seen = Math.max(0, (probability - INVISIBLE_BELOW) / (1 - INVISIBLE_BELOW));
  return [...between, 255 * STRONGEST_OPACITY * Math.sqrt(seen)];
}
