// Two stored analyses side by side: verdicts, reasons, scores on one scale, and where the files differ.

import { getJson } from "./api.js";
import { showProblem } from "./alert.js";
import { readAnswer } from "./answer.js";
import { byId, fileName, h, show, svg } from "./dom.js";
import { localTime, percent } from "./format.js";
import { grid, HEIGHT_PX, path, scales, seriesOf, shape, thresholdBand, timeAxis } from "./plot_parts.js";
import { badge } from "./recent.js";

/** Width in which a plot is drawn; it is shown at any. */
const WIDTH_PX = 520;

/** Fetches and shows two analyses; without ids what was shown goes. */
export async function compare(ids) {
  const place = byId("compare");
  place.hidden = ids === null;
  if (ids === null) {
    show(place);
    return;
  }
  show(place, h("p", { class: "muted" }, "Loading …"));
  try {
    const pair = await Promise.all(ids.map(async (id) => readAnswer(await getJson(`api/v1/predictions/${encodeURIComponent(id)}`))));
    draw(place, pair);
  } catch (problem) {
    showProblem(place, problem, () => compare(ids));
  }
}

function draw(place, pair) {
  const heading = h("h2", { id: "compare-heading", tabindex: "-1" }, "Two analyses compared");
  const axes = pair.map(timeAxis);
  const isOneScale = axes[0].timed === axes[1].timed;
  const end = Math.max(axes[0].end, axes[1].end);
  show(place,
    h("div", { class: "card-head" }, heading, h("a", { class: "button small-button", href: "#recent", id: "compare-close" }, "Close")),
    pair[0].sha256 !== null && pair[0].sha256 === pair[1].sha256 && h("p", { class: "advice" }, "Both are analyses of the same file, byte for byte."),
    h("div", { class: "columns" }, pair.map((answer, side) => column(answer, isOneScale ? { ...axes[side], end } : axes[side]))),
    differences(pair));
  heading.focus({ preventScroll: true });
  place.scrollIntoView({ block: "start" });
}

function column(answer, axis) {
  return h("section", { class: "compare-side", "aria-label": answer.filename },
    h("p", {}, badge(answer.verdict), " ", h("strong", { class: "tabular compare-probability" }, answer.probability === null ? "no score" : `${percent(answer.probability)} fake`)),
    h("h3", {}, h("a", { href: `#analysis/${answer.id}` }, fileName(answer.filename))),
    h("p", { class: "muted small" }, localTime(answer.analyzedAt)),
    h("ul", { class: "reasons small" }, answer.reasons.map((reason) => h("li", {}, reason.message))),
    plot(answer, axis));
}

/** A picture of the scores; the figures are one click away, in the analysis itself. */
function plot(answer, axis) {
  const lines = seriesOf(answer, axis);
  if (lines.length === 0) return h("p", { class: "muted small" }, "Nothing was scored.");
  const scale = scales(axis, WIDTH_PX);
  const label = `Scores of ${answer.filename}: ${lines.map((line) => `track ${line.trackId} from ${range(line.points)}`).join("; ")}`;
  return svg("svg", { class: "plot compare-plot", viewBox: `0 0 ${WIDTH_PX} ${HEIGHT_PX}`, role: "img", "aria-label": label },
    thresholdBand(answer.thresholds, scale, WIDTH_PX),
    grid(axis, scale, WIDTH_PX),
    lines.flatMap((line) => [
      path(line, "fused", scale),
      ...line.points.map((point) => svg("g", { class: `plot-key track-${point.colour}`, transform: `translate(${scale.x(point.at)} ${scale.y(point.fused)})` }, shape(point.shape))),
    ]));
}

function range(points) {
  const scores = points.map((point) => point.fused);
  return `${percent(Math.min(...scores))} to ${percent(Math.max(...scores))} fake`;
}

/** What the files and the models say of themselves, where the two are not alike. */
function differences(pair) {
  const of = (answer) => ({
    ...answer.metadata,
    people: answer.tracks.length,
    models: answer.models.map((model) => `${model.name} ${model.version}`).join(", "),
  });
  const [left, right] = pair.map(of);
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  const words = (value) => (value === undefined || value === null ? "–" : String(value));
  const differing = names.filter((name) => words(left[name]) !== words(right[name]));
  const same = names.filter((name) => !differing.includes(name)).map((name) => name.replaceAll("_", " "));
  return h("div", { class: "compare-differences" },
    h("h3", {}, differing.length > 0 ? "Where they differ" : "File and models are alike in everything stated"),
    differing.length > 0 && h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Differences" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), pair.map((answer) => h("th", { scope: "col" }, fileName(answer.filename))))),
      h("tbody", {}, differing.map((name) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), h("td", {}, words(left[name])), h("td", {}, words(right[name]))))))),
    h("p", { class: "muted small" }, `Alike: ${same.join(", ")}.`));
}
