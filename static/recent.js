// The Recent tab: what this service analysed lately, newest first.

import { getJson } from "./api.js";
import { showProblem } from "./alert.js";
import { byId, fileName, h, icon, show } from "./dom.js";
import { localTime, percent } from "./format.js";

/** Wires the tab; `load()` fetches the list. */
export function startRecent() {
  const load = async () => {
    const status = byId("recent-status");
    show(byId("recent-alert"));
    status.textContent = "Loading …";
    try {
      const entries = entriesOf(await getJson("/api/v1/predictions/recent?limit=20"));
      show(byId("recent-list"), entries.length > 0 ? h("ul", { class: "recent" }, entries.map(entry)) : null);
      status.textContent = entries.length > 0 ? "" : "Nothing has been analysed yet.";
    } catch (problem) {
      status.textContent = "";
      showProblem(byId("recent-alert"), problem, load);
    }
  };
  byId("recent-refresh").addEventListener("click", load);
  return { load };
}

const entriesOf = (json) => [json, json?.predictions, json?.analyses, json?.items].find(Array.isArray) ?? [];

function entry(json) {
  const verdict = ["FAKE", "REAL"].includes(json.verdict ?? json.result) ? json.verdict ?? json.result : "INCONCLUSIVE";
  return h("li", {}, h("a", { href: `#analysis/${encodeURIComponent(String(json.id ?? ""))}` },
    h("span", { class: `badge ${verdict.toLowerCase()}` }, icon(verdict.toLowerCase()), verdict),
    fileName(json.filename),
    h("span", { class: "muted tabular" }, typeof json.probability_fake === "number" ? `${percent(json.probability_fake)} fake` : "no score"),
    h("span", { class: "muted small" }, localTime(json.analyzed_at))));
}
