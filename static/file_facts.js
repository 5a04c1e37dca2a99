// What a file says of itself, in words: labels and values of its metadata, and the table of one file.

import { copyButton, facts, fileName, h } from "./dom.js";
import { bytes, decimals, frameRate, grouped, seconds } from "./format.js";
import { strings } from "./strings.js";

/** The order in which facts are shown; others follow. */
const ORDER = [
  "kind", "format", "video_codec", "frame_rate", "nb_frames", "bit_rate", "duration", "file_size", "rotation", "has_audio", "pixel_format",
  "creation_time", "device_make", "device_model", "device_software", "encoder", "location",
];

/** How a value reads; `null` leaves the row out. */
const VALUES = {
  kind: (value) => strings.fileFacts.kinds[value] ?? String(value),
  rotation: (value) => (Number(value) ? strings.fileFacts.rotated(value) : null),
  has_audio: (value) => (value ? strings.fileFacts.sound : strings.fileFacts.noSound),
  file_size: (value) => (Number(value) >= 0 ? strings.fileFacts.size(bytes(Number(value)), grouped(Number(value))) : value),
  duration: (value) => (Number(value) >= 0 ? seconds(Number(value)) : value),
  bit_rate: (value) => (Number(value) > 0 ? strings.fileFacts.bitRate(decimals(Number(value) / 1e6, 2)) : value),
  frame_rate: frameRate,
};

/** The table of one file, with its digest. */
export function fileTable(answer) {
  const { width, height, sha256, ...rest } = answer.metadata;
  const rows = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined && typeof value !== "object")
    .map(([key, value]) => [labelOf(key), readable(key, value), key])
    .sort((a, b) => order(a[2]) - order(b[2]));
  return h("div", {},
    facts([
      [strings.fileFacts.name, fileName(answer.filename)],
      [strings.fileFacts.picture, width && height ? strings.fileFacts.pixels(width, height) : null],
      ...rows.map(([term, value]) => [term, value && h("bdi", {}, value)]),
    ]),
    answer.sha256 && h("div", { class: "digest-row" }, h("span", { class: "small muted" }, "SHA-256"),
      h("code", { class: "digest" }, answer.sha256), copyButton(strings.fileFacts.copy, () => answer.sha256)));
}

/** What a fact is called. */
export const labelOf = (key) => strings.fileFacts.labels[key] ?? key.replaceAll("_", " ");

/** What it is; `null` where there is nothing to say. */
export function readable(key, value) {
  if (value === "N/A") return strings.fileFacts.notStated;
  return key in VALUES ? VALUES[key](value) : String(value);
}

const order = (key) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
