// The whole answer on the page: verdict, reasons, plot, frames, file, models.

import { copyButton, download, fileName, h, icon, show } from "./dom.js";
import { decimals, fake, localTime, percent } from "./format.js";
import { adviceFor } from "./advice.js";
import { toCsv } from "./answer.js";
import { credentialsCard } from "./credentials.js";
import { fileTable } from "./file_facts.js";
import { drawFrames } from "./frames.js";
import { drawPlot } from "./plot.js";
import { fetchWithKey, hasKey } from "./key.js";
import { showVideo } from "./player.js";
import { strings } from "./strings.js";
import { framesTable, modelList, tracksTable } from "./tables.js";
import { drawTracks } from "./tracks.js";

/** Ends what the result before holds on to. */
let letGo = () => {};

/**
 * Draws `answer` into `place`. `timings` are `[stage, milliseconds]`; `file` is the file where this page has it, and
 * `onSign` offers it to the other tab. Answers the heading, for focus.
 */
export function drawResult(place, answer, { timings = [], file = null, onSign = null, json }) {
  letGo();
  letGo = () => {};
  const heading = h("h2", { class: "verdict-word", tabindex: "-1", id: "verdict" }, icon(answer.verdict.toLowerCase()), strings.verdicts.words[answer.verdict]);
  const parts = { video: h("div", { class: "score-video" }), scores: h("div", { class: "score-plot" }), frames: h("div"), faces: h("div", { class: "face-rows" }) };
  const hasFrames = answer.frames.length > 0;
  const hasRows = answer.frames.length > 1 && answer.frames.some((frame) => frame.faces.length > 0);
  show(place,
    verdictCard(answer, heading, actions(answer, json, onSign)),
    hasFrames && card(strings.result.scores, h("div", { class: "score-columns" }, parts.video, parts.scores), strings.result.scoresAside),
    hasFrames && card(strings.result.frames, parts.frames, answer.frames.length > 1 ? strings.result.sampled(answer.frames.length) : strings.result.onePicture),
    hasRows && card(strings.result.faces, parts.faces, strings.result.facesAside),
    h("div", { class: "columns" },
      card(strings.result.file, fileTable(answer), strings.result.fileAside),
      h("div", { class: "stack" },
        card(strings.result.tracks, tracksTable(answer), strings.result.tracksAside),
        card(strings.result.models, modelList(answer, timings)))),
    credentialsCard(answer, card),
    hasFrames && framesTable(answer));
  if (hasFrames) linkParts(answer, parts, file);
  return heading;
}

/** Choosing a frame in one place shows it in the others, and the video goes along. */
function linkParts(answer, { video, scores, frames, faces }, file) {
  let selected = 0;
  const select = (position, options) => {
    selected = position;
    viewer.select(position, options);
    plot?.select(position);
    rows.select(position);
    player?.seek(answer.frames[position].timeS);
  };
  const viewer = drawFrames(frames, answer, select);
  const rows = drawTracks(faces, answer, select);
  const hasScores = answer.frames.some((frame) => frame.faces.some((face) => face.fused !== null));
  const plot = hasScores && answer.frames.length > 1
    ? drawPlot(scores, answer, { onSelect: select, onHover: (timeS) => player?.seek(timeS ?? answer.frames[selected].timeS) })
    : null;
  const player = plot && file && isTimed(answer) ? playAlong(video, file, plot, select) : null;
  video.hidden = player === null;
  if (player) letGo = player.end;
  if (plot === null) {
    show(scores, h("p", { class: "muted" }, hasScores ? strings.result.noCourse : strings.result.nothingToPlot));
  }
  select(Math.max(0, mostTelling(answer)));
}

const isTimed = (answer) => answer.metadata.kind !== "image" && answer.frames.every((frame) => frame.timeS !== null);

/** While the video plays only the plot follows it; where it rests, its nearest frame is shown. */
function playAlong(place, file, plot, select) {
  return showVideo(place, file, {
    onTime: (timeS) => plot.showTime(timeS),
    onRest: (timeS) => {
      select(plot.showTime(timeS));
      plot.showTime(timeS);
    },
  });
}

/** The frame of the deciding track that speaks loudest for the verdict: its highest score, or its lowest under REAL. */
function mostTelling(answer) {
  const sign = answer.verdict === "REAL" ? -1 : 1;
  const deciding = answer.tracks[0]?.id;
  let best = -1;
  let bestScore = -Infinity;
  for (const frame of answer.frames) {
    for (const face of frame.faces) {
      if (face.trackId === deciding && face.fused !== null && sign * face.fused > bestScore) {
        bestScore = sign * face.fused;
        best = frame.position;
      }
    }
  }
  return best;
}

function card(title, body, aside) {
  return h("section", { class: "card" },
    h("div", { class: "card-head" }, h("h3", {}, title), aside && h("span", { class: "muted small" }, aside)), body);
}

function verdictCard(answer, heading, buttons) {
  return h("section", { class: `card verdict ${answer.verdict.toLowerCase()}`, "aria-labelledby": "verdict" },
    h("div", { class: "verdict-main" },
      heading,
      h("p", { class: "verdict-meaning" }, strings.result.meaning[answer.verdict]),
      h("p", { class: "muted" }, fileName(answer.filename)),
      h("p", { class: "muted small" }, localTime(answer.analyzedAt),
        answer.processingS !== null && strings.result.analysedIn(decimals(answer.processingS, 1)))),
    h("div", { class: "verdict-score" }, probability(answer.probability)),
    h("div", { class: "verdict-why" },
      h("h3", {}, strings.result.why),
      h("ul", { class: "reasons" }, answer.reasons.map((reason) => h("li", { "data-code": reason.code }, reason.message))),
      answer.notes.length > 0 && h("ul", { class: "reasons notes" }, answer.notes.map((note) => h("li", { "data-code": note.code }, note.message))),
      helpOf(answer), stabilityOf(answer)),
    h("div", { class: "verdict-actions actions" }, buttons));
}

/** Under INCONCLUSIVE, what would help. */
function helpOf(answer) {
  const advice = answer.verdict === "INCONCLUSIVE" ? adviceFor(answer.reasons) : [];
  return advice.length > 0 && [h("h3", {}, strings.result.whatHelps), h("ul", { class: "reasons", id: "advice" }, advice.map((sentence) => h("li", {}, sentence)))];
}

/** What became of the answer after small changes, where that was asked for. */
function stabilityOf({ stability }) {
  if (stability === null) return false;
  const told = stability.changes.map(({ change, probability: value, verdict }) => {
    const said = [strings.result.changes[change] ?? change, strings.verdicts.words[verdict]];
    return h("li", {}, value === null ? strings.result.changed(...said) : strings.result.changedWith(...said, fake(value)));
  });
  return [h("h3", {}, stability.holds ? strings.result.holds : strings.result.holdsNot),
    h("ul", { class: "reasons", id: "stability" }, told)];
}

function probability(value) {
  if (value === null) {
    return [h("p", { class: "score-number" }, strings.result.noScore), h("p", { class: "muted small" }, strings.result.noScoreText)];
  }
  const track = h("div", { class: "meter", "aria-hidden": "true" }, h("span", { class: "meter-mark" }));
  track.style.setProperty("--score", value);
  return [
    h("p", { class: "score-number" }, h("span", { class: "tabular", id: "probability" }, percent(value)), h("small", {}, strings.result.probability)),
    track,
    h("p", { class: "meter-ends muted small", "aria-hidden": "true" }, h("span", {}, strings.result.surelyReal), h("span", {}, strings.result.surelyFake)),
    h("p", { class: "muted small" }, strings.result.caution),
  ];
}

function actions(answer, json, onSign) {
  const stem = answer.filename.replace(/[^\w.-]+/g, "_").slice(0, 80) || "analysis";
  return [
    answer.id && !hasKey()
      ? h("a", { class: "button", href: `api/v1/predictions/${encodeURIComponent(answer.id)}` }, strings.result.json)
      : h("button", { type: "button", class: "button", on: { click: () => download(`${stem}.json`, "application/json", JSON.stringify(json, null, 2)) } }, strings.result.json),
    answer.reports.pdf && report(strings.result.pdf, answer.reports.pdf, `${stem}-report.pdf`),
    answer.reports.html && report(strings.result.html, answer.reports.html, `${stem}-report.html`),
    answer.reports.film && report(strings.result.film, answer.reports.film, `${stem}-annotated.mp4`),
    answer.frames.length > 0 && h("button", {
      type: "button", class: "button", id: "csv", "aria-describedby": "csv-note",
      on: { click: () => download(`${stem}.csv`, "text/csv;charset=utf-8", toCsv(answer)) },
    }, strings.result.csv),
    answer.id && copyButton(strings.result.copyLink, () => new URL(`#analysis/${answer.id}`, location.href).href, { small: false }),
    onSign && h("button", { type: "button", class: "button", id: "sign-this", on: { click: onSign } }, strings.result.sign),
    answer.frames.length > 0 && h("span", { class: "muted small", id: "csv-note" }, strings.result.csvNote),
  ];
}

/** A link where the browser is let in, a button that asks with the key where it is not. */
function report(words, url, name) {
  if (!hasKey()) return h("a", { class: "button", href: url, download: name }, words);
  const button = h("button", { type: "button", class: "button" }, words);
  button.addEventListener("click", async () => {
    try {
      const blob = await fetchWithKey(url);
      download(name, blob.type, blob);
    } catch (problem) {
      button.textContent = strings.result.failed(words, problem.message);
    }
  });
  return button;
}
