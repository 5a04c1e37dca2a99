// The Analyse tab: choose → upload → wait → answer or problem. One analysis at a time; the form stays usable.

import { Cancelled, getJson, postForm, refuseTooLarge, serverTimings } from "./api.js";
import { readAnswer } from "./answer.js";
import { showProblem } from "./alert.js";
import { byId, fileName, show } from "./dom.js";
import { dropZone } from "./drop.js";
import { bytes, percent } from "./format.js";
import { drawResult } from "./result.js";

const MEDIA = "video/*,image/*,.heic,.heif,.avif,.mkv,.flv,.wmv,.avi,.mov,.mts,.m2ts,.ts,.mpg,.mpeg,.vob";

/** Wires the tab. `limits()` answers the published limits; `onSign(file)` hands a file to the other tab. */
export function startAnalyse({ limits, onSign }) {
  const drop = dropZone(byId("analyse-drop"), {
    prompt: "Drop a video here, paste it, or choose a file",
    hint: "One video or picture of a face",
    accept: MEDIA, inputId: "analyse-file", onFile: (file) => analyse(file),
  });
  const say = (words) => { byId("analyse-status").textContent = words; };
  let running = null;
  let shownId = null;
  let wantedId = null;

  async function analyse(file) {
    if (running) return;
    const job = new AbortController();
    running = job;
    const progress = progressBox(file, job, say);
    forgetResult();
    drop.setCompact(true);
    drop.setBusy(true);
    byId("cancel").focus();
    try {
      refuseTooLarge(file, limits().maxBytes);
      const { json, serverTiming } = await postForm("predict?format=framewitness", { file }, { ...progress.callbacks, signal: job.signal });
      present(json, { timings: serverTimings(serverTiming), onSign: () => onSign(file) });
    } catch (failure) {
      if (failure instanceof Cancelled) say("Cancelled.");
      else showProblem(byId("analyse-alert"), failure, () => analyse(file));
      drop.setCompact(false);
    } finally {
      progress.end();
      running = null;
      drop.setBusy(false);
    }
    if (shownId === null) drop.focus();
  }

  /** One result at a time: an old verdict never stands under a new file's name. */
  function forgetResult() {
    shownId = null;
    show(byId("analyse-alert"));
    show(byId("result")).hidden = true;
    byId("about").hidden = true;
    history.replaceState(null, "", "#analyse");
  }

  function present(json, options) {
    const answer = readAnswer(json);
    shownId = answer.id ?? "unnamed";
    if (answer.id && !byId("panel-analyse").hidden) history.replaceState(null, "", `#analysis/${answer.id}`);
    byId("about").hidden = true;
    const heading = drawResult(byId("result"), answer, { ...options, json });
    byId("result").hidden = false;
    drop.setCompact(true);
    say(`Analysis finished: ${answer.verdict}${answer.probability === null ? "" : `, ${percent(answer.probability)} probability of manipulation`}.`);
    heading.focus({ preventScroll: true });
    const top = heading.getBoundingClientRect().top;
    if (top < 0 || top > innerHeight * 0.7) byId("result").scrollIntoView();
  }

  /** Shows a stored analysis by its id. */
  async function open(id) {
    if (id === shownId || running) return;
    wantedId = id;
    show(byId("analyse-alert"));
    say("Loading the stored analysis.");
    try {
      const json = await getJson(`api/v1/predictions/${encodeURIComponent(id)}`);
      if (wantedId !== id || running) return;
      drop.forget();
      present(json, {});
    } catch (problem) {
      if (wantedId === id && !running) showProblem(byId("analyse-alert"), problem, () => open(id));
    }
  }

  return { take: (file) => drop.take(file), open, setHint: drop.setHint, isBusy: () => running !== null };
}

/** Shows bytes while they go up, then the seconds the analysis takes; spoken sparingly. */
function progressBox(file, job, say) {
  const [title, bar, text, cancel] = ["progress-title", "progress-bar", "progress-text", "cancel"].map(byId);
  const abort = () => job.abort();
  let timer = null;
  let spokenQuarter = 0;
  show(byId("progress-file"), fileName(file.name));
  cancel.addEventListener("click", abort);
  title.textContent = "Uploading";
  text.textContent = `0 of ${bytes(file.size)}`;
  bar.value = 0;
  byId("analyse-progress").hidden = false;
  say(`Uploading, ${bytes(file.size)}.`);

  const onProgress = ({ sent, total }) => {
    const part = total > 0 ? Math.min(1, sent / total) : 0;
    bar.value = part * 100;
    text.textContent = `${bytes(sent)} of ${bytes(total)} · ${Math.floor(part * 100)} %`;
    if (Math.floor(part * 4) > spokenQuarter) {
      spokenQuarter = Math.floor(part * 4);
      say(`Uploaded ${Math.floor(part * 100)} %.`);
    }
  };
  const onSent = () => {
    const since = performance.now();
    title.textContent = "Analysing";
    bar.removeAttribute("value");
    say("Uploaded. Analysing.");
    const tick = () => { text.textContent = `${bytes(file.size)} received · ${((performance.now() - since) / 1000).toFixed(0)} s so far`; };
    tick();
    timer = setInterval(tick, 500);
  };
  return {
    callbacks: { onProgress, onSent },
    end() {
      clearInterval(timer);
      cancel.removeEventListener("click", abort);
      byId("analyse-progress").hidden = true;
    },
  };
}
