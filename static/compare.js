// Two stored analyses side by side: verdicts, reasons, scores on one scale, and where the files differ.

import { getJson } from "./api.js";
import { showProblem } from "./alert.js";
import { readAnswer } from "./answer.js";
import { byId, fileName, h, show, svg } from "./dom.js";
import { labelOf, readable } from "./file_facts.js";
import { fake, localTime, percent } from "./format.js";
import { grid, HEIGHT_PX, path, scales, seriesOf, shape, thresholdBand, timeAxis } from "./plot_parts.js";
import { badge } from "./recent.js";
import { strings } from "./strings.js";
import { table } from "./tables.js";

/** Width in which a plot is drawn; it is shown at any, and drawn narrower where its words would become too small. */
const WIDTH_PX = 520;
const NARROW_PX = 320;

/** Fetches and shows two analyses; without ids what was shown goes. */
export async function compare(ids) {
  const place = byId("compare");
  place.hidden = ids === null;
  if (ids === null) {
    show(place);
    return;
  }
  show(place, h("p", { class: "muted" }, strings.compare.loading));
  try {
    const pair = await Promise.all(ids.map(async (id) => readAnswer(await getJson(`api/v1/predictions/${encodeURIComponent(id)}`))));
    draw(place, pair);
  } catch (problem) {
    showProblem(place, problem, () => compare(ids));
  }
}

function draw(place, pair) {
  const heading = h("h2", { id: "compare-heading", tabindex: "-1" }, strings.compare.heading);
  const axes = pair.map(timeAxis);
  const isOneScale = axes[0].timed === axes[1].timed;
  const end = Math.max(axes[0].end, axes[1].end);
  show(place,
    h("div", { class: "card-head" }, heading, h("a", { class: "button small-button", href: "#recent", id: "compare-close" }, strings.compare.close)),
    pair[0].sha256 !== null && pair[0].sha256 === pair[1].sha256 && h("p", { class: "advice" }, strings.compare.sameFile),
    h("div", { class: "columns" }, pair.map((answer, side) => column(answer, isOneScale ? { ...axes[side], end } : axes[side]))),
    differences(pair));
  heading.focus({ preventScroll: true });
  place.scrollIntoView({ block: "start" });
}

function column(answer, axis) {
  return h("section", { class: "compare-side", "aria-label": answer.filename },
    h("p", { class: "compare-verdict" }, badge(answer.verdict), h("strong", { class: "tabular compare-probability" }, answer.probability === null ? strings.scores.none : fake(answer.probability))),
    h("h3", {}, h("a", { href: `#analysis/${answer.id}` }, fileName(answer.filename))),
    h("p", { class: "muted small" }, localTime(answer.analyzedAt)),
    h("ul", { class: "reasons small" }, answer.reasons.map((reason) => h("li", {}, reason.message))),
    plot(answer, axis));
}

/** A picture of the scores; the figures are one click away, in the analysis itself. */
function plot(answer, axis) {
  const lines = seriesOf(answer, axis);
  if (lines.length === 0) return h("p", { class: "muted small" }, strings.compare.nothingScored);
  const width = matchMedia("(max-width: 780px)").matches ? NARROW_PX : WIDTH_PX;
  const scale = scales(axis, width);
  const label = strings.compare.plot(answer.filename, lines.map(course));
  return svg("svg", { class: "plot compare-plot", viewBox: `0 0 ${width} ${HEIGHT_PX}`, role: "img", "aria-label": label },
    grid(axis, scale, width),
    thresholdBand(answer.thresholds, scale, width),
    lines.flatMap((line) => [
      path(line, "fused", scale),
      ...line.points.map((point) => svg("g", { class: `plot-key track-${point.colour}`, transform: `translate(${scale.x(point.at)} ${scale.y(point.fused)})` }, shape(point.shape))),
    ]));
}

function course({ trackId, points }) {
  const scores = points.map((point) => point.fused);
  return strings.compare.course(strings.scores.track(trackId), percent(Math.min(...scores)), percent(Math.max(...scores)));
}

/** What the files and the models say of themselves, where the two are not alike. */
function differences(pair) {
  const [left, right] = pair.map(statements);
  const names = [...new Set([...left.keys(), ...right.keys()])];
  const isDiffering = (name) => left.get(name) !== right.get(name);
  const differing = names.filter(isDiffering);
  const same = names.filter((name) => !isDiffering(name));
  return h("div", { class: "compare-differences" },
    h("h3", {}, differing.length > 0 ? strings.compare.differ : strings.compare.alike),
    differing.length > 0 && table(strings.compare.differences, ["", ...pair.map((answer) => fileName(answer.filename))],
      differing.map((name) => [name, left.get(name), right.get(name)]), { class: "wrapping" }),
    h("p", { class: "muted small" }, strings.compare.alikeIn(same)));
}

/** Names and values in words. */
function statements(answer) {
  const told = Object.entries(answer.metadata)
    .filter(([, value]) => value !== null && value !== undefined && typeof value !== "object")
    .map(([key, value]) => [labelOf(key), readable(key, value)]);
  const models = answer.models.map((model) => `${model.name} ${model.version}`).join(", ");
  return new Map([...told, [strings.compare.people, String(answer.tracks.length)], [strings.compare.models, models]]);
}
