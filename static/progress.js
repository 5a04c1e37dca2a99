// How far a file is, in words and as a part of the way; and the card that shows it of a single file.

import { byId, fileName, show } from "./dom.js";
import { bytes } from "./format.js";

const STAGES = {
  received: "Received", waiting: "Waiting for a worker", decoding: "Reading the video", faces: "Finding faces",
  scoring: "Scoring the faces", storing: "Storing the result",
};

/** `{title, words, part}`; `part` is 0 to 1, or null where nobody knows. */
export function progressOf(entry) {
  const { file, state } = entry;
  if (state === "waiting") return { title: "Waiting", words: entry.busy > 0 ? "The service is busy; it is tried again" : "Waiting for its turn", part: 0 };
  if (state === "uploading" && entry.sentAll) return { title: "Waiting", words: `${bytes(entry.total)} sent · waiting for the service`, part: null };
  if (state === "uploading") {
    const part = entry.total > 0 ? Math.min(1, entry.sent / entry.total) : 0;
    return { title: "Uploading", words: `${bytes(entry.sent)} of ${bytes(entry.total)} · ${Math.floor(part * 100)} %`, part };
  }
  if (state === "queued") {
    const place = entry.position > 0 ? `number ${entry.position} in line` : "in line";
    return { title: "Waiting", words: `${bytes(file.size)} received · ${place}`, part: null };
  }
  const stage = STAGES[entry.stage] ?? "Analysing";
  const known = Number.isFinite(entry.progress);
  return { title: "Analysing", words: known ? `${stage} · ${Math.round(entry.progress * 100)} %` : stage, part: known ? entry.progress : null };
}

/** Sets a `<progress>` to a part of the way, or to moving where that is not known. */
export function setBar(bar, part) {
  if (part === null) bar.removeAttribute("value");
  else bar.value = part * 100;
}

/** The card; spoken sparingly. `onCancel(entry)` when its button is pressed. */
export class ProgressCard {
  constructor({ say, onCancel }) {
    this.say = say;
    this.entry = null;
    byId("cancel").addEventListener("click", () => { if (this.entry) onCancel(this.entry); });
  }

  begin(entry) {
    this.entry = entry;
    this.spoken = "";
    show(byId("progress-file"), fileName(entry.file.name));
    byId("analyse-progress").hidden = false;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.draw(), 1000);
    this.draw();
  }

  draw() {
    const { title, words, part } = progressOf(this.entry);
    const elapsedS = Math.floor((performance.now() - (this.entry.since ?? performance.now())) / 1000);
    byId("progress-title").textContent = title;
    byId("progress-text").textContent = title === "Uploading" ? words : `${words} · ${elapsedS} s so far`;
    setBar(byId("progress-bar"), part);
    const spoken = `${title}${title === "Uploading" ? ` ${Math.floor(part * 4) * 25} %` : ""}.`;
    if (spoken !== this.spoken) this.say(spoken);
    this.spoken = spoken;
  }

  end() {
    clearInterval(this.timer);
    this.entry = null;
    byId("analyse-progress").hidden = true;
  }
}
