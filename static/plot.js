// P(fake) over time: one line per track, thin lines per model on demand. Points are reached with the arrow keys
// (left and right in time, up and down between tracks) and chosen with a click or Enter.

import { h, show, svg } from "./dom.js";
import { axisSeconds, percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";

const MARGIN = { left: 46, right: 16, top: 14, bottom: 40 };
const HEIGHT_PX = 250;
const SHAPES = ["circle", "square", "triangle", "diamond"];
const KINDS = [["fused", "Both models together"], ["sequence", "Sequence model"], ["frame", "Frame model"]];

/** Draws into `place`; `onSelect(framePosition)` when a point is chosen. Answers `{select(framePosition)}`. */
export function drawPlot(place, answer, onSelect) {
  const axis = timeAxis(answer);
  const series = seriesOf(answer, axis);
  const shown = { fused: true, sequence: false, frame: false };
  const state = { selected: 0, width: 0 };
  const tip = h("div", { class: "plot-tip", hidden: true });
  const canvas = h("div", { class: "plot-canvas" });
  const area = h("div", { class: "plot-area" }, canvas, tip);
  show(place, legend(series, shown, () => draw()), area);

  function draw() {
    if (state.width < 80) return;
    const scale = scales(axis, state.width);
    const points = series.flatMap((line) => line.points);
    show(canvas, svg("svg", {
      width: state.width, height: HEIGHT_PX, role: "group", class: "plot",
      "aria-label": `Probability of manipulation over time, ${points.length} points. Arrow keys move, Enter shows the frame.`,
      on: {
        pointermove: (event) => { const near = nearest(points, scale, event, canvas); if (near) showTip(near, scale); },
        pointerleave: () => { tip.hidden = true; },
        click: (event) => { const near = nearest(points, scale, event, canvas); if (near) onSelect(near.position); },
      },
    },
      svg("rect", { class: "plot-ground", width: state.width, height: HEIGHT_PX }),
      grid(axis, scale, state.width),
      svg("line", { class: "plot-cursor" }),
      series.flatMap((line) => KINDS.map(([kind]) => shown[kind] && path(line, kind, scale))),
      points.map((point) => marker(point, scale))));
    tip.hidden = true;
    mark();
  }

  function marker(point, scale) {
    const node = svg("g", {
      class: `plot-point track-${point.colour}`, role: "button", tabindex: "-1",
      transform: `translate(${scale.x(point.at)} ${scale.y(point.fused)})`,
      "aria-label": point.label, "data-frame": point.position, "data-track": point.trackId,
      on: {
        click: (event) => { event.stopPropagation(); onSelect(point.position); },
        focus: () => showTip(point, scale),
        blur: () => { tip.hidden = true; },
        keydown: (event) => moveFrom(point, event),
      },
    }, svg("circle", { class: "hit", r: 11 }), shape(point.shape));
    point.node = node;
    return node;
  }

  function moveFrom(point, event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(point.position);
      return;
    }
    const line = series.find((each) => each.trackId === point.trackId);
    const here = line.points.indexOf(point);
    const target = {
      ArrowRight: line.points[here + 1],
      ArrowLeft: line.points[here - 1],
      Home: line.points[0],
      End: line.points.at(-1),
      ArrowUp: neighbour(series, line, point, -1),
      ArrowDown: neighbour(series, line, point, 1),
    };
    if (!(event.key in target)) return;
    event.preventDefault();
    target[event.key]?.node.focus();
    mark();
  }

  function showTip(point, scale) {
    show(tip, h("strong", {}, percent(point.fused)), ` fake · ${timeText(point)}`,
      h("br"), `Track ${point.trackId}, frame ${point.index}`);
    tip.hidden = false;
    const left = Math.min(Math.max(scale.x(point.at), 80), state.width - 80);
    tip.style.left = `${left}px`;
    tip.style.top = `${scale.y(point.fused)}px`;
    tip.classList.toggle("below", scale.y(point.fused) < 70);
  }

  /** Marks the chosen frame and leaves one point in the tab order. */
  function mark() {
    const points = series.flatMap((line) => line.points);
    const chosen = points.filter((point) => point.position === state.selected);
    const stop = points.find((point) => point.node === document.activeElement) ?? chosen[0] ?? points[0];
    for (const point of points) {
      point.node?.classList.toggle("chosen", point.position === state.selected);
      point.node?.setAttribute("tabindex", point === stop ? "0" : "-1");
    }
    const cursor = canvas.querySelector(".plot-cursor");
    const frame = answer.frames[state.selected];
    if (!cursor || !frame) return;
    const x = scales(axis, state.width).x(axis.at(frame));
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT_PX - MARGIN.bottom })) {
      cursor.setAttribute(name, value);
    }
  }

  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width === state.width) return;
    state.width = width;
    draw();
  }).observe(area);
  return { select(position) { state.selected = position; mark(); } };
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

/** The point closest to the pointer, sideways distance counting most: a column is easy to hit, a dot is not. */
function nearest(points, scale, event, canvas) {
  const corner = canvas.getBoundingClientRect();
  const distance = (point) => Math.abs(scale.x(point.at) - (event.clientX - corner.left)) * 4
    + Math.abs(scale.y(point.fused) - (event.clientY - corner.top));
  return points.reduce((best, point) => (distance(point) < distance(best) ? point : best), points[0]);
}

/** Breaks where the track has no score: a line across a gap would be an invention. */
function path(line, kind, scale) {
  let pen = "M";
  let d = "";
  for (const slot of line.slots) {
    if (slot === null || slot[kind] === null) {
      pen = "M";
      continue;
    }
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
    svg("g", { class: `plot-point track-${line.colour}`, transform: "translate(13 7)" }, shape(line.points[0].shape))),
  `Track ${line.trackId}`));
  return h("div", { class: "plot-legend" }, h("ul", {}, keys), toggles.length > 0 && h("div", { class: "plot-toggles" }, toggles));
}
