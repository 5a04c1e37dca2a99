// Reads the JSON of POST /predict into the shape the page draws. The only file that knows the wire names.

import { strings } from "./strings.js";

const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const list = (value) => (Array.isArray(value) ? value : []);
const VERDICTS = ["FAKE", "REAL", "INCONCLUSIVE"];

/** Pictures come from this service's artifact folder or are not shown. */
export function artifactUrl(value) {
  if (typeof value !== "string") return null;
  const url = new URL(value, location.origin);
  // Relative to the page, which may be shown under a path that the service was not told of.
  const path = /\/(static\/artifacts\/[^/]+\/[^/]+)$/.exec(url.pathname);
  return url.origin === location.origin && path ? path[1] : null;
}

function readMap(json) {
  const { kind, side, covers_ratio: coversRatio, cells } = json ?? {};
  const isMap = Number.isInteger(side) && side > 0 && number(coversRatio) > 0 && list(cells).length === side * side && cells.every((cell) => number(cell) !== null);
  return isMap ? { contributes: kind === "contribution", side, coversRatio, cells } : null;
}

/** Upper left, upper right, lower left, lower right. */
function readCorners(json) {
  const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every((value) => number(value) !== null);
  return list(json).length === 4 && json.every(isPoint) ? json : null;
}

function readFace(json) {
  const { x, y, width, height } = json.box ?? {};
  const box = [x, y, width, height].every((side) => number(side) !== null) ? { x, y, width, height } : null;
  return {
    trackId: number(json.track_id) ?? 0,
    box,
    cropUrl: artifactUrl(json.crop_url),
    detectionScore: number(json.detection_score),
    sharpness: number(json.sharpness),
    fused: number(json.probability_fake),
    sequence: number(json.sequence_probability),
    frame: number(json.frame_probability),
    map: readMap(json.manipulation_map),
    corners: readCorners(json.crop_corners),
  };
}

function readFrame(json, position) {
  return {
    position,
    index: number(json.frame_index) ?? position,
    timeS: number(json.frame_time_sec),
    url: artifactUrl(json.url),
    faces: list(json.faces).map(readFace),
  };
}

function readTrack(json) {
  return {
    id: number(json.id) ?? 0,
    frames: number(json.frames),
    scoredFrames: number(json.scored_frames),
    trainingDistance: number(json.training_distance),
    trainingDistanceLimit: number(json.training_distance_limit),
    firstTimeS: number(json.first_time_sec),
    lastTimeS: number(json.last_time_sec),
    fused: number(json.probability_fake),
    sequence: number(json.sequence_probability),
    frame: number(json.frame_probability),
  };
}

function readStability(json) {
  if (typeof json?.holds !== "boolean") return null;
  const changes = list(json.changes).map((each) => ({
    change: String(each?.change ?? ""), probability: number(each?.probability_fake), verdict: VERDICTS.includes(each?.verdict) ? each.verdict : "INCONCLUSIVE",
  }));
  return { holds: json.holds, changes };
}

/** What the file states of itself; `null` where nobody looked. */
function readCredentials(json) {
  if (typeof json?.state !== "string") return null;
  const { title, generator, signature, actions, ingredients, failures } = json.claims ?? {};
  return {
    state: json.state, message: String(json.message ?? ""), hasClaims: Boolean(json.claims), title, generator, signature: signature ?? {},
    actions: list(actions).map((each) => ({ name: each?.action, agent: each?.software_agent, source: each?.digital_source_type, when: each?.when })),
    ingredients: list(ingredients), failures: list(failures),
  };
}

/** Addresses of the reports, relative to the page, which may be shown under a path that the service was not told of. */
function readReports(json) {
  const path = (value) => (typeof value === "string" ? /\/(api\/v1\/predictions\/[^/]+\/[\w.-]+)$/.exec(value)?.[1] ?? null : null);
  return { html: path(json?.html), pdf: path(json?.pdf), film: path(json?.annotated_film) };
}

/** Where the verdicts part; `null` where the answer does not say. */
const readThresholds = (json) => ({ real: number(json?.real_at_or_below), fake: number(json?.fake_at_or_above) });

const readRemark = (json) => ({ code: String(json?.code ?? ""), message: String(json?.message ?? json?.code ?? json) });

/** The answer of POST /predict or GET /api/v1/predictions/{id}, with gaps as null and lists as arrays. */
export function readAnswer(json) {
  const reasons = list(json.reasons).map(readRemark);
  const said = new Set(reasons.map((reason) => reason.code));
  return {
    id: typeof json.id === "string" ? json.id : null,
    filename: String(json.filename ?? strings.answer.unnamed),
    analyzedAt: json.analyzed_at ?? null,
    processingS: number(json.processing_time_sec),
    sha256: typeof json.sha256 === "string" ? json.sha256 : null,
    verdict: VERDICTS.includes(json.verdict) ? json.verdict : "INCONCLUSIVE",
    probability: number(json.probability_fake),
    reasons,
    models: list(json.models),
    tracks: list(json.tracks).map(readTrack),
    frames: list(json.frames).map(readFrame),
    notes: list(json.notes).map(readRemark).filter((note) => !said.has(note.code)),
    metadata: json.metadata ?? {},
    thresholds: readThresholds(json.thresholds),
    stability: readStability(json.stability),
    credentials: readCredentials(json.content_credentials),
    reports: readReports(json.reports),
  };
}

/** Track numbers in the order in which colours are given to them. */
export function trackIds(answer) {
  const ids = new Set(answer.tracks.map((track) => track.id));
  for (const frame of answer.frames) for (const face of frame.faces) ids.add(face.trackId);
  return [...ids].sort((a, b) => a - b);
}

const CSV_COLUMNS = [
  "frame_index", "frame_time_sec", "track_id", "label", "confidence", "probability_fake", "sequence_probability",
  "frame_probability", "box_x", "box_y", "box_width", "box_height", "detection_score", "sharpness",
];

/** RFC 4180, one row per face, frames without a face as one row. Every cell is a number or a fixed word. */
export function toCsv(answer) {
  const rows = [CSV_COLUMNS];
  for (const frame of answer.frames) {
    for (const face of frame.faces.length > 0 ? frame.faces : [null]) rows.push(csvRow(frame, face));
  }
  return rows.map((row) => row.map((cell) => cell ?? "").join(",") + "\r\n").join("");
}

function csvRow(frame, face) {
  const scored = face !== null && face.fused !== null;
  return [
    frame.index, frame.timeS, face?.trackId, scored ? (face.fused >= 0.5 ? "FAKE" : "REAL") : "Unknown",
    scored ? (Math.max(face.fused, 1 - face.fused) * 100).toFixed(2) : null,
    face?.fused, face?.sequence, face?.frame, face?.box?.x, face?.box?.y, face?.box?.width, face?.box?.height,
    face?.detectionScore, face?.sharpness,
  ];
}
