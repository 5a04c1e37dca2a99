// Numbers and times as people read them.

/** `1536000` → `1.5 MB` (powers of 1000, as file managers show them). */
export function bytes(count) {
  if (!Number.isFinite(count)) return "unknown size";
  if (count < 1000) return `${count} bytes`;
  let value = count;
  let unit = "";
  for (const next of ["kB", "MB", "GB", "TB"]) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

/** Probability 0..1 as a whole percentage that never rounds to a false certainty. */
export function percent(probability) {
  if (!Number.isFinite(probability)) return "no score";
  const value = probability * 100;
  if (value > 99 && value < 100) return "> 99 %";
  if (value < 1 && value > 0) return "< 1 %";
  return `${Math.round(value)} %`;
}

/** `83.456` → `1:23.46`, under a minute `3.46 s`. */
export function seconds(value) {
  if (!Number.isFinite(value)) return "time unknown";
  if (value < 60) return `${value.toFixed(2)} s`;
  const minutes = Math.floor(value / 60);
  return `${minutes}:${(value - minutes * 60).toFixed(2).padStart(5, "0")}`;
}

/** A tick on the time axis. */
export function axisSeconds(value) {
  if (value < 60) return `${Number(value.toFixed(2))} s`;
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

/** First and last characters of a digest. */
export const shortDigest = (digest) => (digest && digest.length > 20 ? `${digest.slice(0, 8)}…${digest.slice(-8)}` : digest ?? "");

/** `30000/1001` → `29.97`, other text unchanged. */
export function frameRate(text) {
  const match = /^(\d+)\/(\d+)$/.exec(String(text ?? ""));
  if (!match || Number(match[2]) === 0) return String(text ?? "");
  return `${Number((Number(match[1]) / Number(match[2])).toFixed(3))} frames/s`;
}
