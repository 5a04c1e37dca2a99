// P(fake) over time: one line per track, thin lines per model on demand. Points are reached with the arrow keys
// (left and right in time, up and down between tracks) and chosen with a click or Enter.

import { h, show, svg } from "./dom.js";
import { percent } from "./format.js";
import { grid, HEIGHT_PX, KINDS, legend, MARGIN, path, scales, seriesOf, shape, thresholdBand, timeAxis, timeText } from "./plot_parts.js";
import { strings } from "./strings.js";

/**
 * Draws into `place`; `onSelect(framePosition)` when a point is chosen, `onHover(seconds)` where the pointer is, null
 * when it leaves. Answers `{select(framePosition), showTime(seconds)}`.
 */
export function drawPlot(place, answer, { onSelect, onHover = () => {} }) {
  return new Plot(place, answer, onSelect, onHover);
}

class Plot {
  constructor(place, answer, onSelect, onHover) {
    this.frames = answer.frames;
    this.thresholds = answer.thresholds;
    this.onSelect = onSelect;
    this.onHover = onHover;
    this.axis = timeAxis(answer);
    this.series = seriesOf(answer, this.axis);
    this.points = this.series.flatMap((line) => line.points);
    this.shown = { fused: true, sequence: false, frame: false };
    this.selected = 0;
    this.timeS = null;
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
    this.timeS = null;
    this.mark();
  }

  /** Puts the cursor at a moment of the video, and marks and answers the sampled frame nearest to it. */
  showTime(timeS) {
    const distance = (frame) => Math.abs(frame.timeS - timeS);
    this.selected = this.frames.reduce((best, frame) => (distance(frame) < distance(best) ? frame : best)).position;
    this.timeS = timeS;
    this.mark();
    return this.selected;
  }

  hover(event) {
    this.showTip(this.nearest(event));
    if (this.axis.timed) this.onHover(this.scale.at(event.clientX - this.canvas.getBoundingClientRect().left));
  }

  leave() {
    this.tip.hidden = true;
    this.onHover(null);
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
      "aria-label": strings.plot.label(this.points.length),
      on: {
        pointermove: (event) => this.hover(event),
        pointerleave: () => this.leave(),
        click: (event) => this.onSelect(this.nearest(event).position),
      },
    },
    svg("rect", { class: "plot-ground", width: this.width, height: HEIGHT_PX }),
    grid(this.axis, this.scale, this.width),
    thresholdBand(this.thresholds, this.scale, this.width),
    svg("line", { class: "plot-cursor", y1: MARGIN.top, y2: HEIGHT_PX - MARGIN.bottom }),
    this.series.flatMap((line) => KINDS.map((kind) => this.shown[kind] && path(line, kind, this.scale))),
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
    show(this.tip, ...strings.plot.tip(h("strong", {}, percent(point.fused)), timeText(point)),
      h("br"), strings.plot.tipFrame(strings.scores.track(point.trackId), point.index));
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
    const x = this.scale.x(this.timeS ?? this.axis.at(this.frames[this.selected]));
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  }
}

function neighbour(series, line, point, step) {
  const other = series[series.indexOf(line) + step];
  return other?.points.reduce((best, each) => (Math.abs(each.at - point.at) < Math.abs(best.at - point.at) ? each : best));
}
