// The whole answer on the page: verdict, reasons, plot, frames, file, models.

import { copyButton, download, facts, fileName, h, icon, show } from "./dom.js";
import { bytes, frameRate, localTime, percent, seconds, shortDigest } from "./format.js";
import { adviceFor } from "./advice.js";
import { toCsv } from "./answer.js";
import { drawFrames } from "./frames.js";
import { drawPlot } from "./plot.js";
import { fetchWithKey, hasKey } from "./key.js";
import { showVideo } from "./player.js";
import { drawTracks } from "./tracks.js";

const MEANING = {
  FAKE: "Signs of manipulation were found.",
  REAL: "No signs of manipulation were found.",
  INCONCLUSIVE: "There is not enough to say either way.",
};

/** Ends what the result before holds on to. */
let letGo = () => {};

/**
 * Draws `answer` into `place`. `timings` are `[stage, milliseconds]`; `file` is the file where this page has it, and
 * `onSign` offers it to the other tab. Answers the heading, for focus.
 */
export function drawResult(place, answer, { timings = [], file = null, onSign = null, json }) {
  letGo();
  letGo = () => {};
  const heading = h("h2", { class: "verdict-word", tabindex: "-1", id: "verdict" }, icon(answer.verdict.toLowerCase()), answer.verdict);
  const parts = { video: h("div", { class: "score-video" }), scores: h("div", { class: "score-plot" }), frames: h("div"), faces: h("div", { class: "face-rows" }) };
  const hasFrames = answer.frames.length > 0;
  const hasRows = answer.frames.length > 1 && answer.frames.some((frame) => frame.faces.length > 0);
  show(place,
    verdictCard(answer, heading, actions(answer, json, onSign)),
    hasFrames && card("Score over time", h("div", { class: "score-columns" }, parts.video, parts.scores), "probability of manipulation, frame by frame"),
    hasFrames && card("Frames", parts.frames, answer.frames.length > 1 ? `${answer.frames.length} sampled evenly` : "one picture"),
    hasRows && card("Faces", parts.faces, "one row per person, in time order"),
    h("div", { class: "columns" },
      card("File", fileTable(answer), "tags are claims of the file, not proof"),
      h("div", { class: "stack" }, card("Tracks", tracksTable(answer), "one row per person"), card("Models", modelList(answer, timings)))),
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
    show(scores, h("p", { class: "muted" }, hasScores
      ? "A single picture has no course over time; its score stands beside the face below."
      : "No face could be scored, so there is nothing to plot."));
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
      h("p", { class: "verdict-meaning" }, MEANING[answer.verdict]),
      h("p", { class: "muted" }, fileName(answer.filename)),
      h("p", { class: "muted small" }, localTime(answer.analyzedAt),
        answer.processingS !== null && ` · analysed in ${answer.processingS.toFixed(1)} s`)),
    h("div", { class: "verdict-score" }, probability(answer.probability)),
    h("div", { class: "verdict-why" },
      h("h3", {}, "Why"),
      h("ul", { class: "reasons" }, answer.reasons.map((reason) => h("li", { "data-code": reason.code }, reason.message))),
      answer.notes.length > 0 && h("ul", { class: "reasons notes" }, answer.notes.map((note) => h("li", { "data-code": note.code }, note.message))),
      helpOf(answer), stabilityOf(answer)),
    h("div", { class: "verdict-actions actions" }, buttons));
}

/** Under INCONCLUSIVE, what would help. */
function helpOf(answer) {
  const advice = answer.verdict === "INCONCLUSIVE" ? adviceFor(answer.reasons) : [];
  return advice.length > 0 && [h("h3", {}, "What would help"), h("ul", { class: "reasons", id: "advice" }, advice.map((sentence) => h("li", {}, sentence)))];
}

const CHANGES = { recompressed: "compressed once more", rescaled: "made smaller and enlarged again", cropped: "cut a little closer" };

/** What became of the answer after small changes, where that was asked for. */
function stabilityOf({ stability }) {
  if (stability === null) return false;
  const told = stability.changes.map(({ change, probability: value, verdict }) =>
    h("li", {}, `${CHANGES[change] ?? change}: ${verdict}${value === null ? "" : `, ${percent(value)} fake`}`));
  return [h("h3", {}, stability.holds ? "The answer holds after small changes" : "The answer does not hold after small changes"),
    h("ul", { class: "reasons", id: "stability" }, told)];
}

function probability(value) {
  if (value === null) {
    return [h("p", { class: "score-number" }, "No score"), h("p", { class: "muted small" }, "No face could be scored, so no probability is given.")];
  }
  const track = h("div", { class: "meter", "aria-hidden": "true" }, h("span", { class: "meter-mark" }));
  track.style.setProperty("--score", value);
  return [
    h("p", { class: "score-number" }, h("span", { class: "tabular", id: "probability" }, percent(value)), h("small", {}, " probability of manipulation")),
    track,
    h("p", { class: "meter-ends muted small", "aria-hidden": "true" }, h("span", {}, "0 % real"), h("span", {}, "100 % fake")),
    h("p", { class: "muted small" }, "A detector errs in both directions, and more often on footage unlike its training data. Treat this as a lead, not as proof."),
  ];
}

function actions(answer, json, onSign) {
  const stem = answer.filename.replace(/[^\w.-]+/g, "_").slice(0, 80) || "analysis";
  return [
    answer.id && !hasKey()
      ? h("a", { class: "button", href: `api/v1/predictions/${encodeURIComponent(answer.id)}` }, "JSON of this analysis")
      : h("button", { type: "button", class: "button", on: { click: () => download(`${stem}.json`, "application/json", JSON.stringify(json, null, 2)) } }, "JSON of this analysis"),
    answer.reports.pdf && report("Report (PDF)", answer.reports.pdf, `${stem}-report.pdf`),
    answer.reports.html && report("Report (HTML)", answer.reports.html, `${stem}-report.html`),
    answer.reports.film && report("Annotated film (MP4)", answer.reports.film, `${stem}-annotated.mp4`),
    answer.frames.length > 0 && h("button", {
      type: "button", class: "button", id: "csv", "aria-describedby": "csv-note",
      on: { click: () => download(`${stem}.csv`, "text/csv;charset=utf-8", toCsv(answer)) },
    }, "Download CSV"),
    answer.id && copyButton("Copy link", () => new URL(`#analysis/${answer.id}`, location.href).href),
    onSign && h("button", { type: "button", class: "button", id: "sign-this", on: { click: onSign } }, "Sign this file"),
    answer.frames.length > 0 && h("span", { class: "muted small", id: "csv-note" }, "The CSV is written by this page from the same analysis."),
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
      button.textContent = `${words}: ${problem.message}`;
    }
  });
  return button;
}

const LABELS = {
  kind: "Kind", format: "Container", video_codec: "Codec", frame_rate: "Frame rate", nb_frames: "Frames", bit_rate: "Bit rate", duration: "Duration",
  file_size: "Size", rotation: "Rotation", has_audio: "Sound", pixel_format: "Pixel format", creation_time: "Created", device_make: "Device maker", device_model: "Device model",
  device_software: "Device software", encoder: "Encoder", location: "Location",
};

/** How a value reads; `null` leaves the row out. */
const VALUES = {
  rotation: (value) => (Number(value) ? `${value}° clockwise, applied` : null),
  has_audio: (value) => (value ? "yes" : "none"),
  file_size: (value) => (Number(value) >= 0 ? `${bytes(Number(value))} (${Number(value).toLocaleString("en-GB")} bytes)` : value),
  duration: (value) => (Number(value) >= 0 ? seconds(Number(value)) : value),
  bit_rate: (value) => (Number(value) > 0 ? `${(Number(value) / 1e6).toFixed(2)} Mbit/s` : value),
  frame_rate: frameRate,
};

function fileTable(answer) {
  const { width, height, sha256, ...rest } = answer.metadata;
  const rows = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined && typeof value !== "object")
    .map(([key, value]) => [LABELS[key] ?? key.replaceAll("_", " "), readable(key, value), key])
    .sort((a, b) => order(a[2]) - order(b[2]));
  return h("div", {},
    facts([
      ["Name", fileName(answer.filename)],
      ["Picture", width && height ? `${width} × ${height} px` : null],
      ...rows.map(([term, value]) => [term, value && h("bdi", {}, value)]),
    ]),
    answer.sha256 && h("div", { class: "digest-row" }, h("span", { class: "small muted" }, "SHA-256"),
      h("code", { class: "digest" }, answer.sha256), copyButton("Copy", () => answer.sha256)));
}

function readable(key, value) {
  if (value === "N/A") return "not stated";
  return key in VALUES ? VALUES[key](value) : String(value);
}

const order = (key) => (key in LABELS ? Object.keys(LABELS).indexOf(key) : 99);

function table(caption, columns, rows, extra = {}) {
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", extra, h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, position) => h(position === 0 ? "th" : "td", position === 0 ? { scope: "row" } : {}, cell ?? "–")))))));
}

const score = (value) => (value === null ? "–" : percent(value));

function tracksTable(answer) {
  if (answer.tracks.length === 0) return h("p", { class: "muted" }, "No person was followed through the video.");
  const measured = answer.tracks.some((track) => track.trainingDistance !== null);
  return table("Tracks", ["Track", "P(fake)", "Sequence", "Frame", ...(measured ? ["Distance from training"] : []), "Frames scored", "Seen"],
    answer.tracks.map((track) => [
      String(track.id), score(track.fused), score(track.sequence), score(track.frame), ...(measured ? [distance(track)] : []),
      track.scoredFrames === null ? track.frames : `${track.scoredFrames} of ${track.frames ?? "?"}`,
      track.firstTimeS === null ? null : `${seconds(track.firstTimeS)} – ${seconds(track.lastTimeS)}`,
    ]));
}

/** Beyond the limit the scores beside it are not believed. */
function distance({ trainingDistance, trainingDistanceLimit }) {
  if (trainingDistance === null) return null;
  const beyond = trainingDistanceLimit !== null && trainingDistance > trainingDistanceLimit;
  return `${trainingDistance.toFixed(2)}${beyond ? `, beyond ${trainingDistanceLimit.toFixed(2)}` : ""}`;
}

function modelList(answer, timings) {
  const items = answer.models.map((model) => h("li", {},
    h("div", {}, h("strong", {}, String(model.name ?? "unnamed")), h("span", { class: "muted" }, ` ${model.version ?? ""} · ${model.role ?? ""}`)),
    h("div", { class: "model-line" },
      h("code", { class: "digest", title: String(model.sha256 ?? "") }, shortDigest(String(model.sha256 ?? ""))),
      typeof model.probability_fake === "number" && h("span", { class: "tabular" }, `${percent(model.probability_fake)} fake`))));
  return h("div", {},
    h("ul", { class: "models" }, items),
    timings.length > 0 && h("p", { class: "muted small tabular" },
      "Time: ", timings.map(([stage, ms]) => `${stage} ${ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`}`).join(" · ")));
}

/** The plot in words, for those who cannot see it and those who want the figures. */
function framesTable(answer) {
  const rows = answer.frames.flatMap((frame) => (frame.faces.length > 0 ? frame.faces : [null]).map((face) => [
    String(frame.index), frame.timeS === null ? null : frame.timeS.toFixed(3), face === null ? "no face" : String(face.trackId),
    ...[face?.fused, face?.sequence, face?.frame].map((value) => (typeof value === "number" ? value.toFixed(4) : null)),
  ]));
  return h("details", { class: "card" }, h("summary", {}, "Scores as a table"),
    table("Scores of every sampled frame", ["Frame", "Seconds", "Track", "P(fake)", "Sequence", "Frame model"], rows, { class: "numbers" }));
}
