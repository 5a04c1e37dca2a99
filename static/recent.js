// The Recent tab: what this service analysed lately, newest first; filtered, counted by day, and two of them compared.

import { Cancelled, getJson } from "./api.js";
import { showProblem } from "./alert.js";
import { artifactUrl } from "./answer.js";
import { byId, fileName, h, icon, show } from "./dom.js";
import { fake, localTime } from "./format.js";
import { showPicture } from "./key.js";
import { drawStatistics } from "./statistics.js";
import { strings } from "./strings.js";

/** Entries fetched at a time. */
const PART = 20;

/** Wires the tab; `load()` fetches the list. */
export function startRecent() {
  const history = new History();
  return { load: () => history.fetchPart(null) };
}

class History {
  constructor() {
    this.list = h("ul", { class: "recent" });
    this.entries = [];
    this.nextBefore = null;
    this.picked = [];
    this.fetching = null;
    this.verdict = byId("recent-verdict");
    this.name = byId("recent-name");
    show(byId("recent-list"), this.list);
    byId("recent-refresh").addEventListener("click", () => this.fetchPart(null));
    byId("recent-older").addEventListener("click", () => this.fetchPart(this.nextBefore));
    this.verdict.addEventListener("change", () => this.fetchPart(null));
    this.name.addEventListener("input", () => this.filter());
    byId("recent-compare").addEventListener("click", () => { location.hash = `compare/${this.picked[0]}/${this.picked[1]}`; });
  }

  async fetchPart(before) {
    this.fetching?.abort();
    const fetching = new AbortController();
    this.fetching = fetching;
    show(byId("recent-alert"));
    byId("recent-status").textContent = strings.recent.loading;
    const query = new URLSearchParams({ limit: PART });
    if (before) query.set("before", before);
    if (this.verdict.value) query.set("label", this.verdict.value);
    try {
      const json = await getJson(`api/v1/predictions/recent?${query}`, { signal: fetching.signal });
      if (!before) this.forget();
      this.take(json);
    } catch (problem) {
      if (problem instanceof Cancelled) return;
      byId("recent-status").textContent = "";
      showProblem(byId("recent-alert"), problem, () => this.fetchPart(before));
    }
    byId("recent-older").hidden = this.nextBefore === null;
  }

  forget() {
    this.entries = [];
    this.picked = [];
    show(this.list);
  }

  take(json) {
    this.nextBefore = json.next_before ?? null;
    const entries = json.predictions.map((record) => ({ record, node: this.row(record) }));
    this.entries.push(...entries);
    this.list.append(...entries.map(({ node }) => node));
    this.filter();
    this.markPicked();
  }

  /** The service filters by verdict; by name this page does, among what it has. */
  filter() {
    const wanted = this.name.value.trim().toLocaleLowerCase();
    for (const { record, node } of this.entries) node.hidden = !String(record.filename).toLocaleLowerCase().includes(wanted);
    const shown = this.entries.filter(({ node }) => !node.hidden);
    byId("recent-status").textContent = this.words(shown.length, wanted !== "");
    drawStatistics(byId("recent-statistics"), shown.map(({ record }) => record));
  }

  words(shown, isNamed) {
    if (this.entries.length === 0) return this.verdict.value ? strings.recent.noneOfVerdict : strings.recent.none;
    if (!isNamed) return "";
    return (this.nextBefore === null ? strings.recent.named : strings.recent.namedOfMore)(shown, this.entries.length);
  }

  row(record) {
    const pick = h("input", { type: "checkbox", class: "recent-pick", "aria-label": strings.recent.pick(record.filename), "data-id": record.id });
    pick.addEventListener("change", () => {
      this.picked = pick.checked ? [...this.picked, record.id] : this.picked.filter((id) => id !== record.id);
      this.markPicked();
    });
    return h("li", {}, pick, h("a", { href: `#analysis/${record.id}` },
      thumbnail(record),
      badge(record.verdict),
      fileName(record.filename),
      h("span", { class: "muted tabular" }, typeof record.probability_fake === "number" ? fake(record.probability_fake) : strings.scores.none),
      h("span", { class: "muted small" }, localTime(record.analyzed_at))));
  }

  /** Two may be chosen, no more. */
  markPicked() {
    const isFull = this.picked.length === 2;
    for (const { record, node } of this.entries) {
      const isPicked = this.picked.includes(record.id);
      node.querySelector(".recent-pick").disabled = isFull && !isPicked;
    }
    byId("recent-compare").disabled = !isFull;
  }
}

/** A verdict as a word with its icon. */
export function badge(verdict) {
  const word = ["FAKE", "REAL"].includes(verdict) ? verdict : "INCONCLUSIVE";
  return h("span", { class: `badge ${word.toLowerCase()}` }, icon(word.toLowerCase()), strings.verdicts.words[word]);
}

/** A face of it, or else a frame, or else an empty place. */
function thumbnail(record) {
  const image = h("img", { class: "recent-thumb", alt: "", loading: "lazy", decoding: "async", width: 48, height: 48 });
  image.addEventListener("error", () => image.classList.add("gone"));
  const url = artifactUrl(record.cropped_faces?.[0]?.url ?? record.frames_for_display?.[0]?.url);
  if (url) showPicture(image, url);
  else image.classList.add("gone");
  return image;
}
