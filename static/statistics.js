// How many analyses had which verdict, day by day, as stacked bars.

import { h, show, svg } from "./dom.js";
import { strings } from "./strings.js";

const VERDICTS = ["FAKE", "INCONCLUSIVE", "REAL"];
const HEIGHT_PX = 84;
const BAR_PX = 22;
const GAP_PX = 14;
const MAX_DAYS = 14;

/** Draws `records` into `place`; nothing where there are none. */
export function drawStatistics(place, records) {
  place.hidden = records.length === 0;
  if (place.hidden) return;
  const counts = countsOf(records);
  const days = byDay(records).slice(-MAX_DAYS);
  show(place,
    h("p", { class: "small" }, h("strong", {}, strings.statistics.shown(records.length)), VERDICTS.map((verdict) => h("span", { class: `statistics-key ${verdict.toLowerCase()}` }, strings.statistics.count(counts[verdict], strings.verdicts.words[verdict])))),
    bars(days));
}

function countsOf(records) {
  const counts = { FAKE: 0, INCONCLUSIVE: 0, REAL: 0 };
  for (const { verdict } of records) counts[verdict in counts ? verdict : "INCONCLUSIVE"] += 1;
  return counts;
}

/** `[{name, counts}]` of days of this computer's zone, oldest first. */
function byDay(records) {
  const days = new Map();
  for (const record of records) {
    const date = new Date(record.analyzed_at);
    const name = date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    if (!days.has(name)) days.set(name, []);
    days.get(name).push(record);
  }
  return [...days].map(([name, ofDay]) => ({ name, counts: countsOf(ofDay), total: ofDay.length })).reverse();
}

function bars(days) {
  const most = Math.max(...days.map((day) => day.total));
  const width = days.length * (BAR_PX + GAP_PX) + GAP_PX * 2;
  const columns = days.flatMap((day, place) => {
    const x = GAP_PX + place * (BAR_PX + GAP_PX);
    let y = HEIGHT_PX - 18;
    const parts = VERDICTS.map((verdict) => {
      const height = (day.counts[verdict] / most) * (HEIGHT_PX - 34);
      y -= height;
      return svg("rect", { class: `statistics-bar ${verdict.toLowerCase()}`, x, y, width: BAR_PX, height });
    });
    const text = (words, at) => svg("text", { class: "plot-text middle", x: x + BAR_PX / 2, y: at }, words);
    return [...parts, text(String(day.total), y - 3), text(day.name, HEIGHT_PX - 4)];
  });
  const told = days.map(({ name, counts }) => strings.statistics.day(name, VERDICTS.map((verdict) => strings.statistics.count(counts[verdict], strings.verdicts.words[verdict]))));
  return h("div", { class: "statistics-scroll" }, svg("svg", { class: "statistics", width, height: HEIGHT_PX, role: "img", "aria-label": strings.statistics.label(told) }, columns));
}
