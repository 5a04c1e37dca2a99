// Numbers and times as people read them.

import { strings } from "./strings.js";

/** With as many decimals as asked for, after the point or comma of the language. */
export const decimals = (value, digits) => written(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** With as many decimals as are needed, at most `digits`. */
const upTo = (value, digits) => written(value, { maximumFractionDigits: digits });

const written = (value, options) => value.toLocaleString(strings.language.code, { useGrouping: false, ...options });

/** `1536000` → `1.5 MB` (powers of 1000, as file managers show them). */
export function bytes(count) {
  if (!Number.isFinite(count)) return strings.format.unknownSize;
  if (count < 1000) return strings.format.bytes(count);
  let value = count;
  let unit = "";
  for (const next of ["kB", "MB", "GB", "TB"]) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return strings.format.size(decimals(value, value < 10 ? 1 : 0), unit);
}

/** Probability 0..1 as a whole percentage that never rounds to a false certainty. */
export function percent(probability) {
  if (!Number.isFinite(probability)) return strings.scores.none;
  const value = probability * 100;
  if (value > 99 && value < 100) return strings.format.almostAll;
  if (value < 1 && value > 0) return strings.format.almostNone;
  return strings.format.percent(Math.round(value));
}

/** `83.456` → `1:23.46`, under a minute `3.46 s`. */
export function seconds(value) {
  if (!Number.isFinite(value)) return strings.format.unknownTime;
  if (value < 60) return strings.format.seconds(decimals(value, 2));
  const minutes = Math.floor(value / 60);
  return `${minutes}:${decimals(value - minutes * 60, 2).padStart(5, "0")}`;
}

/** A tick on the time axis. */
export function axisSeconds(value) {
  if (value < 60) return strings.format.seconds(upTo(value, 2));
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** RFC 3339 in local time, the zone named. */
export function localTime(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? String(text ?? "") : date.toLocaleString(undefined, {
    dateStyle: "medium", timeStyle: "long",
  });
}

/** A face's probability, or that it has none. */
export const fake = (probability) => (probability === null ? strings.scores.notScored : strings.scores.fake(percent(probability)));

/** `1234567` → `1,234,567`. */
export const grouped = (count) => count.toLocaleString(strings.language.code);

/** First and last characters of a digest. */
export const shortDigest = (digest) => (digest && digest.length > 20 ? `${digest.slice(0, 8)}…${digest.slice(-8)}` : digest ?? "");

/** `30000/1001` → `29.97`, other text unchanged. */
export function frameRate(text) {
  const match = /^(\d+)\/(\d+)$/.exec(String(text ?? ""));
  if (!match || Number(match[2]) === 0) return String(text ?? "");
  return strings.format.frameRate(upTo(Number(match[1]) / Number(match[2]), 3));
}
