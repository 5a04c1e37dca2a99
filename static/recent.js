// The Recent tab: what this service analysed lately, newest first.

import { getJson } from "./api.js";
import { showProblem } from "./alert.js";
import { byId, fileName, h, icon, show } from "./dom.js";
import { localTime, percent } from "./format.js";

/** Entries fetched at a time. */
const PART = 20;

/** Wires the tab; `load()` fetches the list. */
export function startRecent() {
  const list = h("ul", { class: "recent" });
  const older = byId("recent-older");
  const status = byId("recent-status");
  let nextBefore = null;

  const fetchPart = async (before) => {
    show(byId("recent-alert"));
    status.textContent = "Loading …";
    try {
      const json = await getJson(`api/v1/predictions/recent?limit=${PART}${before ? `&before=${encodeURIComponent(before)}` : ""}`);
      if (!before) show(list);
      list.append(...json.predictions.map(entry));
      nextBefore = json.next_before ?? null;
      status.textContent = list.childElementCount > 0 ? "" : "Nothing has been analysed yet.";
    } catch (problem) {
      status.textContent = "";
      showProblem(byId("recent-alert"), problem, () => fetchPart(before));
    }
    older.hidden = nextBefore === null;
  };
  const load = () => fetchPart(null);
  show(byId("recent-list"), list);
  byId("recent-refresh").addEventListener("click", load);
  older.addEventListener("click", () => fetchPart(nextBefore));
  return { load };
}

function entry(json) {
  const verdict = ["FAKE", "REAL"].includes(json.verdict) ? json.verdict : "INCONCLUSIVE";
  return h("li", {}, h("a", { href: `#analysis/${json.id}` },
    h("span", { class: `badge ${verdict.toLowerCase()}` }, icon(verdict.toLowerCase()), verdict),
    fileName(json.filename),
    h("span", { class: "muted tabular" }, typeof json.probability_fake === "number" ? `${percent(json.probability_fake)} fake` : "no score"),
    h("span", { class: "muted small" }, localTime(json.analyzed_at))));
}
