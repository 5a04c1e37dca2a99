// The Analyse tab: choose → queue → answer or problem. One file has a card of its own; several are a list.

import { Cancelled, getJson } from "./api.js";
import { readAnswer } from "./answer.js";
import { showProblem } from "./alert.js";
import { byId, show } from "./dom.js";
import { dropZone } from "./drop.js";
import { percent } from "./format.js";
import { ProgressCard } from "./progress.js";
import { isEnded, Queue } from "./queue.js";
import { QueueList } from "./queue_list.js";
import { drawResult } from "./result.js";
import { strings } from "./strings.js";

const MEDIA = "video/*,image/*,.heic,.heif,.avif,.mkv,.flv,.wmv,.avi,.mov,.mts,.m2ts,.ts,.mpg,.mpeg,.vob";
/** Nothing is dropped or pasted with a finger. */
const PROMPT = matchMedia("(pointer: coarse)").matches ? strings.analyse.promptByTouch : strings.analyse.prompt;

/** Wires the tab. `limits()` answers the published limits; `onSign(file)` hands a file to the other tab. */
export function startAnalyse({ limits, onSign }) {
  const tab = new AnalyseTab(limits, onSign);
  return { take: (files) => tab.drop.take(files), open: (id) => tab.open(id), setHint: tab.drop.setHint };
}

class AnalyseTab {
  constructor(limits, onSign) {
    this.onSign = onSign;
    this.shownId = null;
    this.wantedId = null;
    this.isList = false;
    this.drop = dropZone(byId("analyse-drop"), {
      prompt: PROMPT, hint: strings.analyse.hint, accept: MEDIA, inputId: "analyse-file",
      multiple: true, onFiles: (files) => this.take(files),
    });
    this.queue = new Queue({ limits, onChange: (entry) => this.changed(entry) });
    this.card = new ProgressCard({ say: this.say, onCancel: (entry) => this.queue.cancel(entry) });
    this.list = new QueueList({
      onOpen: (entry) => this.present(entry.json, entry),
      onClear: () => this.queue.entries.filter(isEnded).forEach((entry) => this.remove(entry)),
      on: {
        cancel: (entry) => this.queue.cancel(entry),
        retry: (entry) => this.queue.retry(entry),
        remove: (entry) => this.remove(entry),
      },
    });
  }

  say(words) {
    byId("analyse-status").textContent = words;
  }

  /** A single file takes the place of the one before; more than one, or one beside another, are a list. */
  take(files) {
    const isAlone = files.length === 1 && !this.isList && this.queue.entries.every(isEnded);
    if (isAlone) {
      this.queue.entries = [];
      this.forgetResult();
    } else {
      this.becomeList();
    }
    show(byId("analyse-alert"));
    byId("about").hidden = true;
    this.drop.setCompact(true);
    this.drop.setPrompt(strings.analyse.promptMore);
    this.queue.add(files);
    if (isAlone) byId("cancel").focus();
  }

  becomeList() {
    if (this.isList) return;
    this.isList = true;
    this.queue.entries = this.queue.entries.filter((entry) => !["failed", "cancelled"].includes(entry.state));
    this.card.end();
    this.list.hidden = false;
    this.queue.entries.forEach((entry) => this.list.update(entry));
    const shown = this.queue.entries.find((entry) => entry.json?.id !== undefined && entry.json.id === this.shownId);
    this.list.choose(shown ?? null);
  }

  remove(entry) {
    this.queue.remove(entry);
    this.list.remove(entry);
    this.list.countUp(this.queue.entries);
    if (this.queue.entries.length > 0) return;
    this.isList = false;
    this.list.hidden = true;
    this.rest();
    this.drop.focus();
  }

  changed(entry) {
    if (this.isList) this.changedInList(entry);
    else this.changedAlone(entry);
  }

  changedInList(entry) {
    if (!this.queue.entries.includes(entry)) return;
    this.list.update(entry);
    this.list.countUp(this.queue.entries);
    if (entry.state === "done" && this.shownId === null && this.wantedId === null) this.present(entry.json, entry, { quietly: true });
    if (isEnded(entry)) this.say(strings.analyse.ended(entry.file.name, outcomeOf(entry), byId("queue-count").textContent));
  }

  changedAlone(entry) {
    if (!isEnded(entry)) {
      if (this.card.entry === entry) this.card.draw();
      else this.card.begin(entry);
      return;
    }
    this.card.end();
    if (entry.state === "done") {
      this.present(entry.json, entry);
      return;
    }
    if (entry.state === "cancelled") this.say(strings.analyse.cancelled);
    else showProblem(byId("analyse-alert"), entry.problem, () => this.retryAlone(entry));
    this.rest();
    this.drop.focus();
  }

  retryAlone(entry) {
    this.queue.retry(entry);
    byId("cancel").focus();
  }

  /** Nothing is under way or shown: the zone is large again. */
  rest() {
    this.drop.setPrompt(PROMPT);
    if (this.shownId === null) this.drop.setCompact(false);
  }

  /** An old verdict never stands under a new file's name. */
  forgetResult() {
    this.shownId = null;
    this.wantedId = null;
    show(byId("result")).hidden = true;
    history.replaceState(null, "", "#analyse");
  }

  /** Shows an answer; `entry` is where it came from when this page has its file. */
  present(json, entry = null, { quietly = false } = {}) {
    const answer = readAnswer(json);
    this.shownId = answer.id ?? "unnamed";
    this.wantedId = null;
    if (answer.id && !byId("panel-analyse").hidden) history.replaceState(null, "", `#analysis/${answer.id}`);
    byId("about").hidden = true;
    const file = entry?.file ?? null;
    const heading = drawResult(byId("result"), answer, {
      json, file, timings: entry?.timings, onSign: file && (() => this.onSign(file)),
    });
    byId("result").hidden = false;
    this.drop.setCompact(true);
    this.list.choose(entry);
    if (quietly) return;
    const verdict = strings.verdicts.words[answer.verdict];
    this.say(answer.probability === null ? strings.analyse.finished(verdict) : strings.analyse.finishedWith(verdict, percent(answer.probability)));
    heading.focus({ preventScroll: true });
    const top = heading.getBoundingClientRect().top;
    if (top < 0 || top > innerHeight * 0.7) byId("result").scrollIntoView();
  }

  /** Shows a stored analysis by its id. What is under way goes on as a list. */
  async open(id) {
    if (id === this.shownId) return;
    this.wantedId = id;
    if (!this.queue.entries.every(isEnded)) this.becomeList();
    show(byId("analyse-alert"));
    this.say(strings.analyse.loading);
    try {
      const json = await getJson(`api/v1/predictions/${encodeURIComponent(id)}`);
      if (this.wantedId !== id) return;
      this.drop.forget();
      this.present(json);
    } catch (problem) {
      if (this.wantedId !== id || problem instanceof Cancelled) return;
      this.wantedId = null;
      showProblem(byId("analyse-alert"), problem, () => this.open(id));
    }
  }
}

/** How an entry ended, in a word. */
function outcomeOf({ json, state }) {
  return state === "done" ? strings.verdicts.words[readAnswer(json).verdict] : strings.queueList.states[state];
}
