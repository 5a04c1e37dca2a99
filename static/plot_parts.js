// What a plot of P(fake) over time is made of: its axis, scales, lines, grid and legend.

import { h, svg } from "./dom.js";
import { axisSeconds, decimals, fake, percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";
import { strings } from "./strings.js";

export const MARGIN = { left: 46, right: 16, top: 14, bottom: 40 };
export const HEIGHT_PX = 250;
const SHAPES = ["circle", "square", "triangle", "diamond"];
export const KINDS = ["fused", "sequence", "frame"];

export const timeText = (point) => (point.timeS === null ? strings.scores.frame(point.index) : seconds(point.timeS));

/** Lines of the scored faces of each track, points in time order. */
export function seriesOf(answer, axis) {
  return trackIds(answer).map((trackId, order) => {
    const slots = answer.frames.map((frame) => {
      const face = frame.faces.find((each) => each.trackId === trackId && each.fused !== null);
      if (!face) return null;
      const point = {
        trackId, position: frame.position, index: frame.index, timeS: frame.timeS, at: axis.at(frame),
        fused: face.fused, sequence: face.sequence, frame: face.frame,
        colour: order % 6, shape: SHAPES[order % SHAPES.length], node: null,
      };
      return { ...point, label: strings.plotParts.point(strings.scores.track(trackId), timeText(point), fake(face.fused)) };
    });
    return { trackId, colour: order % 6, dash: order % 3, slots, points: slots.filter(Boolean) };
  }).filter((line) => line.points.length > 0);
}

/** Seconds where every frame has a time, otherwise the frame's number. */
export function timeAxis(answer) {
  const timed = answer.frames.every((frame) => frame.timeS !== null);
  const at = (frame) => (timed ? frame.timeS : frame.index);
  const last = Math.max(0, ...answer.frames.map(at), timed ? Number(answer.metadata.duration) || 0 : 0);
  return { timed, at, end: last > 0 ? last : 1 };
}

export function scales(axis, width) {
  const inner = width - MARGIN.left - MARGIN.right;
  const tall = HEIGHT_PX - MARGIN.top - MARGIN.bottom;
  return {
    x: (at) => MARGIN.left + (at / axis.end) * inner,
    y: (probability) => MARGIN.top + (1 - probability) * tall,
    at: (x) => Math.min(axis.end, Math.max(0, ((x - MARGIN.left) / inner) * axis.end)),
  };
}

/** Breaks where the track has no score: a line across a gap would be an invention. */
export function path(line, kind, scale) {
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

export function shape(name) {
  if (name === "square") return svg("rect", { class: "mark", x: -4, y: -4, width: 8, height: 8 });
  if (name === "triangle") return svg("path", { class: "mark", d: "M0 -5.5L5 4H-5z" });
  if (name === "diamond") return svg("path", { class: "mark", d: "M0 -6L6 0L0 6L-6 0z" });
  return svg("circle", { class: "mark", r: 4.5 });
}

export function grid(axis, scale, width) {
  const right = width - MARGIN.right;
  const floor = HEIGHT_PX - MARGIN.bottom;
  const rows = [0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
    svg("line", { class: value === 0 ? "plot-base" : "plot-grid", x1: MARGIN.left, x2: right, y1: scale.y(value), y2: scale.y(value) }),
    svg("text", { class: "plot-text end", x: MARGIN.left - 8, y: scale.y(value) + 4 }, decimals(value, value % 0.5 === 0 ? 1 : 2)),
  ]);
  const columns = ticks(axis, width).flatMap((at) => [
    svg("line", { class: "plot-base", x1: scale.x(at), x2: scale.x(at), y1: floor, y2: floor + 4 }),
    svg("text", { class: "plot-text middle", x: scale.x(at), y: floor + 18 }, axis.timed ? axisSeconds(at) : String(at)),
  ]);
  return svg("g", { "aria-hidden": "true" }, rows, columns,
    svg("text", { class: "plot-text end", x: right, y: HEIGHT_PX - 4 }, axis.timed ? strings.plotParts.time : strings.plotParts.frame));
}

/** The probabilities between the thresholds shaded, or a line where only one of them is known. */
export function thresholdBand({ real, fake: surelyFake }, scale, width) {
  const right = width - MARGIN.right;
  const line = (value, words, down) => value !== null && [
    svg("line", { class: "plot-threshold", x1: MARGIN.left, x2: right, y1: scale.y(value), y2: scale.y(value) }),
    svg("text", { class: "plot-text", x: MARGIN.left + 6, y: scale.y(value) + down }, words(percent(value))),
  ];
  const band = real !== null && surelyFake !== null && [
    svg("rect", { class: "plot-band", x: MARGIN.left, width: right - MARGIN.left, y: scale.y(surelyFake), height: scale.y(real) - scale.y(surelyFake) }),
    svg("text", { class: "plot-text within", x: MARGIN.left + 6, y: scale.y((real + surelyFake) / 2) + 4 }, strings.plotParts.uncertain),
  ];
  return svg("g", { class: "plot-thresholds", "aria-hidden": "true" }, band, line(surelyFake, strings.plotParts.fakeFrom, -5), line(real, strings.plotParts.realUpTo, 14));
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

export function legend(series, shown, redraw) {
  const toggles = KINDS.filter((kind) => kind !== "fused")
    .filter((kind) => series.some((line) => line.points.some((point) => point[kind] !== null)))
    .map((kind) => {
      const box = h("input", { type: "checkbox", "data-kind": kind });
      box.addEventListener("change", () => { shown[kind] = box.checked; redraw(); });
      return h("label", { class: "check" }, box, svg("svg", { class: "swatch", width: 26, height: 10, "aria-hidden": "true" },
        svg("path", { class: `plot-line ${kind}`, d: "M0 5H26" })), kind === "frame" ? strings.scores.frameModel : strings.scores.sequenceModel);
    });
  const keys = series.map((line) => h("li", {}, svg("svg", { class: "swatch", width: 26, height: 14, "aria-hidden": "true" },
    svg("path", { class: `plot-line fused track-${line.colour} dash-${line.dash}`, d: "M0 7H26" }),
    svg("g", { class: `plot-key track-${line.colour}`, transform: "translate(13 7)" }, shape(line.points[0].shape))),
  strings.scores.track(line.trackId)));
  return h("div", { class: "plot-legend" }, h("ul", {}, keys), toggles.length > 0 && h("div", { class: "plot-toggles" }, toggles));
}
