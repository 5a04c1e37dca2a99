// Tables of an answer: its tracks, its models, and the score of every frame.

import { h } from "./dom.js";
import { decimals, fake, percent, seconds, shortDigest } from "./format.js";
import { strings } from "./strings.js";

/** A table that scrolls by itself where it is too wide. */
export function table(caption, columns, rows, extra = {}) {
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", extra, h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, position) => h(position === 0 ? "th" : "td", position === 0 ? { scope: "row" } : {}, cell ?? "–")))))));
}

const score = (value) => (value === null ? "–" : percent(value));

/** A row per person. */
export function tracksTable(answer) {
  if (answer.tracks.length === 0) return h("p", { class: "muted" }, strings.tables.nobody);
  const measured = answer.tracks.some((track) => track.trainingDistance !== null);
  const columns = [
    strings.tables.track, strings.tables.probability, strings.scores.sequenceModel, strings.scores.frameModel,
    ...(measured ? [strings.tables.distance] : []), strings.tables.framesScored, strings.tables.seen,
  ];
  return table(strings.tables.tracks, columns, answer.tracks.map((track) => [
    String(track.id), score(track.fused), score(track.sequence), score(track.frame), ...(measured ? [distance(track)] : []),
    track.scoredFrames === null ? track.frames : strings.tables.scoredOf(track.scoredFrames, track.frames ?? "?"),
    track.firstTimeS === null ? null : strings.tables.span(seconds(track.firstTimeS), seconds(track.lastTimeS)),
  ]));
}

/** Beyond the limit the scores beside it are not believed. */
function distance({ trainingDistance, trainingDistanceLimit }) {
  if (trainingDistance === null) return null;
  const beyond = trainingDistanceLimit !== null && trainingDistance > trainingDistanceLimit;
  const words = decimals(trainingDistance, 2);
  return beyond ? strings.tables.beyond(words, decimals(trainingDistanceLimit, 2)) : words;
}

/** The models with their digests and, where they scored, what they found. */
export function modelList(answer, timings) {
  const items = answer.models.map((model) => h("li", {},
    h("div", {}, h("strong", {}, String(model.name ?? strings.tables.unnamed)), h("span", { class: "muted" }, strings.tables.model(model.version ?? "", strings.tables.roles[model.role] ?? model.role ?? ""))),
    h("div", { class: "model-line" },
      h("code", { class: "digest", title: String(model.sha256 ?? "") }, shortDigest(String(model.sha256 ?? ""))),
      typeof model.probability_fake === "number" && h("span", { class: "tabular" }, fake(model.probability_fake)))));
  return h("div", {},
    h("ul", { class: "models" }, items),
    timings.length > 0 && h("p", { class: "muted small tabular" },
      strings.tables.time, " ", timings.map(([stage, ms]) => `${stage} ${took(ms)}`).join(" · ")));
}

const took = (ms) => (ms >= 1000 ? strings.format.seconds(decimals(ms / 1000, 1)) : strings.format.milliseconds(Math.round(ms)));

/** The plot in words, for those who cannot see it and those who want the figures. */
export function framesTable(answer) {
  const rows = answer.frames.flatMap((frame) => (frame.faces.length > 0 ? frame.faces : [null]).map((face) => [
    String(frame.index), frame.timeS === null ? null : decimals(frame.timeS, 3), face === null ? strings.tables.noFace : String(face.trackId),
    ...[face?.fused, face?.sequence, face?.frame].map((value) => (typeof value === "number" ? decimals(value, 4) : null)),
  ]));
  return h("details", { class: "card" }, h("summary", {}, strings.tables.scores),
    table(strings.tables.scoresCaption, [
      strings.tables.frame, strings.tables.seconds, strings.tables.track, strings.tables.probability,
      strings.scores.sequenceModel, strings.scores.frameModel,
    ], rows, { class: "numbers" }));
}
