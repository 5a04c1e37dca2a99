// P(fake) over time: one line per track, thin lines per model on demand. Points are reached with the arrow keys
// (left and right in time, up and down between tracks) and chosen with a click or Enter.

import { h, show, svg } from "./dom.js";
import { axisSeconds, percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";

const MARGIN = { left: 46, right: 16, top: 14, bottom: 40 };
const HEIGHT_PX = 250;
const SHAPES = ["circle", "square", "triangle", "diamond"];
const KINDS = [["fused", "All models together"], ["sequence", "Sequence model"], ["frame", "Frame model"]];

/** Draws into `place`; `onSelect(framePosition)` when a point is chosen. Answers `{select(framePosition)}`. */
export function drawPlot(place, answer, onSelect) {
  return new Plot(place, answer, onSelect);
}

class Plot {
  constructor(place, answer, onSelect) {
    this.frames = answer.frames;
    this.onSelect = onSelect;
    this.axis = timeAxis(answer);
    this.series = seriesOf(answer, this.axis);
    this.points = this.series.flatMap((line) => line.points);
    this.shown = { fused: true, sequence: false, frame: false };
    this.selected = 0;
    this.width = 0;
    this.tip = h("div", { class: "plot-tip", hidden: true });
    this.canvas = h("div", { class: "plot-canvas" });
    const area = h("div", { class: "plot-area" }, this.canvas, this.tip);
    show(place, legend(this.series, this.shown, () => this.draw()), area);
    new ResizeObserver(([entry]) => this.resize(Math.floor(entry.contentRect.width))).observe(area);
  }

  /** Marks the points of a frame. */
  select(position) {
    this.selected = position;
    this.mark();
  }

  resize(width) {
    if (width === this.width) return;
    this.width = width;
    this.draw();
  }

  draw() {
    if (this.width < 80) return;
    this.scale = scales(this.axis, this.width);
    this.tip.hidden = true;
    show(this.canvas, svg("svg", {
      width: this.width, height: HEIGHT_PX, role: "group", class: "plot",
      "aria-label": `Probability of manipulation over time, ${this.points.length} points. Arrow keys move, Enter shows the frame.`,
      on: {
        pointermove: (event) => this.showTip(this.nearest(event)),
        pointerleave: () => { this.tip.hidden = true; },
        click: (event) => this.onSelect(this.nearest(event).position),
      },
    },
    svg("rect", { class: "plot-ground", width: this.width, height: HEIGHT_PX }),
    grid(this.axis, this.scale, this.width),
    svg("line", { class: "plot-cursor", y1: MARGIN.top, y2: HEIGHT_PX - MARGIN.bottom }),
    this.series.flatMap((line) => KINDS.map(([kind]) => this.shown[kind] && path(line, kind, this.scale))),
    this.points.map((point) => this.marker(point))));
    this.mark();
  }

  marker(point) {
    point.node = svg("g", {
      class: `plot-point track-${point.colour}`, role: "button", tabindex: "-1",
      transform: `translate(${this.scale.x(point.at)} ${this.scale.y(point.fused)})`,
      "aria-label": point.label, "data-frame": point.position, "data-track": point.trackId,
      on: {
        click: (event) => { event.stopPropagation(); this.onSelect(point.position); },
        focus: () => this.showTip(point),
        blur: () => { this.tip.hidden = true; },
        keydown: (event) => this.keyOn(point, event),
      },
    }, svg("circle", { class: "hit", r: 11 }), shape(point.shape));
    return point.node;
  }

  keyOn(point, event) {
    const line = this.series.find((each) => each.trackId === point.trackId);
    const here = line.points.indexOf(point);
    const target = {
      ArrowRight: line.points[here + 1],
      ArrowLeft: line.points[here - 1],
      Home: line.points[0],
      End: line.points.at(-1),
      ArrowUp: neighbour(this.series, line, point, -1),
      ArrowDown: neighbour(this.series, line, point, 1),
    };
    const chooses = event.key === "Enter" || event.key === " ";
    if (!chooses && !(event.key in target)) return;
    event.preventDefault();
    if (chooses) this.onSelect(point.position);
    else target[event.key]?.node.focus();
    this.mark();
  }

  showTip(point) {
    const [x, y] = [this.scale.x(point.at), this.scale.y(point.fused)];
    show(this.tip, h("strong", {}, percent(point.fused)), ` fake · ${timeText(point)}`,
      h("br"), `Track ${point.trackId}, frame ${point.index}`);
    this.tip.hidden = false;
    this.tip.style.left = `${Math.min(Math.max(x, 80), this.width - 80)}px`;
    this.tip.style.top = `${y}px`;
    this.tip.classList.toggle("below", y < 70);
  }

  /** The point closest to the pointer, sideways distance counting most: a column is easy to hit, a dot is not. */
  nearest(event) {
    const corner = this.canvas.getBoundingClientRect();
    const distance = (point) => Math.abs(this.scale.x(point.at) - (event.clientX - corner.left)) * 4
      + Math.abs(this.scale.y(point.fused) - (event.clientY - corner.top));
    return this.points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
  }

  /** Marks the chosen frame and leaves one point in the tab order. */
  mark() {
    if (!this.scale) return;
    const isChosen = (point) => point.position === this.selected;
    const stop = this.points.find((point) => point.node === document.activeElement) ?? this.points.find(isChosen) ?? this.points[0];
    for (const point of this.points) {
      point.node.classList.toggle("chosen", isChosen(point));
      point.node.setAttribute("tabindex", point === stop ? "0" : "-1");
    }
    const cursor = this.canvas.querySelector(".plot-cursor");
    const x = this.scale.x(this.axis.at(this.frames[this.selected]));
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  }
}

const timeText = (point) => (point.timeS === null ? `frame ${point.index}` : seconds(point.timeS));

/** Lines of the scored faces of each track, points in time order. */
function seriesOf(answer, axis) {
  return trackIds(answer).map((trackId, order) => {
    const slots = answer.frames.map((frame) => {
      const face = frame.faces.find((each) => each.trackId === trackId && each.fused !== null);
      if (!face) return null;
      const point = {
        trackId, position: frame.position, index: frame.index, timeS: frame.timeS, at: axis.at(frame),
        fused: face.fused, sequence: face.sequence, frame: face.frame,
        colour: order % 6, shape: SHAPES[order % SHAPES.length], node: null,
      };
      return { ...point, label: `Track ${trackId}, ${timeText(point)}: ${percent(face.fused)} fake` };
    });
    return { trackId, colour: order % 6, dash: order % 3, slots, points: slots.filter(Boolean) };
  }).filter((line) => line.points.length > 0);
}

/** Seconds where every frame has a time, otherwise the frame's number. */
function timeAxis(answer) {
  const timed = answer.frames.every((frame) => frame.timeS !== null);
  const at = (frame) => (timed ? frame.timeS : frame.index);
  const last = Math.max(0, ...answer.frames.map(at), timed ? Number(answer.metadata.duration) || 0 : 0);
  return { timed, at, end: last > 0 ? last : 1 };
}

function scales(axis, width) {
  const inner = width - MARGIN.left - MARGIN.right;
  const tall = HEIGHT_PX - MARGIN.top - MARGIN.bottom;
  return {
    x: (at) => MARGIN.left + (at / axis.end) * inner,
    y: (probability) => MARGIN.top + (1 - probability) * tall,
  };
}

function neighbour(series, line, point, step) {
  const other = series[series.indexOf(line) + step];
  return other?.points.reduce((best, each) => (Math.abs(each.at - point.at) < Math.abs(best.at - point.at) ? each : best));
}

/** Breaks where the track has no score: a line across a gap would be an invention. */
function path(line, kind, scale) {
  let pen = "M";
  let d = "";
  for (const slot of line.slots) {
    if (slot === null) {
      pen = "M";
      continue;
    }
    // The frame model may look at some of a person's frames only: its line goes on between those.
    if (slot[kind] === null) continue;
    d += `${pen}${scale.x(slot.at).toFixed(1)} ${scale.y(slot[kind]).toFixed(1)}`;
    pen = "L";
  }
  return svg("path", { class: `plot-line ${kind} track-${line.colour} dash-${line.dash}`, d });
}

function shape(name) {
  if (name === "square") return svg("rect", { class: "mark", x: -4, y: -4, width: 8, height: 8 });
  if (name === "triangle") return svg("path", { class: "mark", d: "M0 -5.5L5 4H-5z" });
  if (name === "diamond") return svg("path", { class: "mark", d: "M0 -6L6 0L0 6L-6 0z" });
  return svg("circle", { class: "mark", r: 4.5 });
}

function grid(axis, scale, width) {
  const right = width - MARGIN.right;
  const floor = HEIGHT_PX - MARGIN.bottom;
  const rows = [0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
    svg("line", { class: value === 0 ? "plot-base" : "plot-grid", x1: MARGIN.left, x2: right, y1: scale.y(value), y2: scale.y(value) }),
    svg("text", { class: "plot-text end", x: MARGIN.left - 8, y: scale.y(value) + 4 }, value.toFixed(value % 0.5 === 0 ? 1 : 2)),
  ]);
  const columns = ticks(axis, width).flatMap((at) => [
    svg("line", { class: "plot-base", x1: scale.x(at), x2: scale.x(at), y1: floor, y2: floor + 4 }),
    svg("text", { class: "plot-text middle", x: scale.x(at), y: floor + 18 }, axis.timed ? axisSeconds(at) : String(at)),
  ]);
  return svg("g", { "aria-hidden": "true" }, rows, columns,
    svg("text", { class: "plot-text end", x: right, y: HEIGHT_PX - 4 }, axis.timed ? "time in the video" : "frame number"));
}

/** Round steps of 1, 2 or 5, about one per 90 pixels. */
function ticks(axis, width) {
  const rough = axis.end / Math.max(2, (width - MARGIN.left) / 90);
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  if (!axis.timed) step = Math.max(1, Math.round(step));
  const out = [];
  for (let count = 0; count * step <= axis.end * 1.0001; count += 1) out.push(Number((count * step).toPrecision(6)));
  return out;
}

function legend(series, shown, redraw) {
  const toggles = KINDS.filter(([kind]) => kind !== "fused")
    .filter(([kind]) => series.some((line) => line.points.some((point) => point[kind] !== null)))
    .map(([kind, words]) => {
      const box = h("input", { type: "checkbox", "data-kind": kind });
      box.addEventListener("change", () => { shown[kind] = box.checked; redraw(); });
      return h("label", { class: "check" }, box, svg("svg", { class: "swatch", width: 26, height: 10, "aria-hidden": "true" },
        svg("path", { class: `plot-line ${kind}`, d: "M0 5H26" })), words);
    });
  const keys = series.map((line) => h("li", {}, svg("svg", { class: "swatch", width: 26, height: 14, "aria-hidden": "true" },
    svg("path", { class: `plot-line fused track-${line.colour} dash-${line.dash}`, d: "M0 7H26" }),
    svg("g", { class: `plot-key track-${line.colour}`, transform: "translate(13 7)" }, shape(line.points[0].shape))),
  `Track ${line.trackId}`));
  return h("div", { class: "plot-legend" }, h("ul", {}, keys), toggles.length > 0 && h("div", { class: "plot-toggles" }, toggles));
}
