// How far a file is, in words and as a part of the way; and the card that shows it of a single file.

import { byId, fileName, show } from "./dom.js";
import { bytes } from "./format.js";
import { strings } from "./strings.js";

/** `{title, words, part}`; `part` is 0 to 1, or null where nobody knows. */
export function progressOf(entry) {
  const { file, state } = entry;
  const waiting = strings.progress.waiting;
  if (state === "waiting") return { title: waiting, words: entry.busy > 0 ? strings.progress.busy : strings.progress.turn, part: 0 };
  if (state === "uploading" && entry.sentAll) return { title: waiting, words: strings.progress.sentAll(bytes(entry.total)), part: null };
  if (state === "uploading") {
    const part = entry.total > 0 ? Math.min(1, entry.sent / entry.total) : 0;
    return { title: strings.progress.uploading, words: strings.progress.sent(bytes(entry.sent), bytes(entry.total), Math.floor(part * 100)), part };
  }
  if (state === "queued") {
    const received = bytes(file.size);
    const words = entry.position > 0 ? strings.progress.placeInLine(received, entry.position) : strings.progress.inLine(received);
    return { title: waiting, words, part: null };
  }
  const stage = strings.progress.stages[entry.stage] ?? strings.progress.analysing;
  const known = Number.isFinite(entry.progress);
  return { title: strings.progress.analysing, words: known ? strings.progress.stage(stage, Math.round(entry.progress * 100)) : stage, part: known ? entry.progress : null };
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
    const isUpload = title === strings.progress.uploading;
    byId("progress-text").textContent = isUpload ? words : strings.progress.elapsed(words, elapsedS);
    setBar(byId("progress-bar"), part);
    const spoken = isUpload ? strings.progress.saidUpload(title, Math.floor(part * 4) * 25) : strings.progress.said(title);
    if (spoken !== this.spoken) this.say(spoken);
    this.spoken = spoken;
  }

  end() {
    clearInterval(this.timer);
    this.entry = null;
    byId("analyse-progress").hidden = true;
  }
}
