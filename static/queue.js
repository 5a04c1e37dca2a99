// The files a person gave, each on its way: waiting, uploading, queued, running, done, failed or cancelled.

import { Cancelled, getJson, postForm, refuseTooLarge, serverTimings } from "./api.js";
import { cancelJob, followJob, NoJobs, problemOfJob, requestKey, submitJob } from "./jobs.js";

const MAX_UPLOADS = 2;
/** Times that a file waits for a busy service by itself before a person is asked. */
const MAX_BUSY = 5;
const MAX_BUSY_WAIT_S = 60;

let nextId = 1;

/** Whether nothing more happens to an entry by itself. */
export const isEnded = (entry) => ["done", "failed", "cancelled"].includes(entry.state);

/** `limits()` answers the published limits; `onChange(entry)` hears of every change. */
export class Queue {
  constructor({ limits, onChange }) {
    this.limits = limits;
    this.onChange = onChange;
    this.entries = [];
    this.uploads = 0;
    this.hasJobs = true;
    this.heldUntil = 0;
  }

  add(files) {
    const entries = files.map((file) => ({ id: nextId++, file, key: requestKey(), state: "waiting", busy: 0 }));
    this.entries.push(...entries);
    entries.forEach((entry) => this.onChange(entry));
    this.pump();
    return entries;
  }

  cancel(entry) {
    if (isEnded(entry)) return;
    const { jobId } = entry;
    this.set(entry, { state: "cancelled", jobId: null });
    // Sent whole, it has a job that this page will hear of; `upload` cancels it then.
    if (!entry.sentAll || jobId || !this.hasJobs) entry.abort?.abort();
    if (jobId) this.cancelJobOf(entry, jobId);
    this.pump();
  }

  /** A job that could not be cancelled goes on: the row says so, and trying again follows it. */
  async cancelJobOf(entry, jobId) {
    try {
      await cancelJob(jobId);
    } catch (problem) {
      if (entry.state === "cancelled") this.set(entry, { state: "failed", problem, jobId });
    }
  }

  /** A job that is known is followed again; without one the file is sent again. */
  retry(entry) {
    this.set(entry, { state: "waiting", busy: 0, problem: null, key: entry.jobId ? entry.key : requestKey() });
    this.pump();
  }

  remove(entry) {
    this.cancel(entry);
    this.entries = this.entries.filter((each) => each !== entry);
  }

  set(entry, change) {
    Object.assign(entry, change);
    this.onChange(entry);
  }

  /** Begins what may begin now. */
  pump() {
    const heldMs = this.heldUntil - Date.now();
    if (heldMs > 0) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.pump(), heldMs);
      return;
    }
    for (const entry of this.entries.filter((each) => each.state === "waiting")) {
      if (this.uploads >= (this.hasJobs ? MAX_UPLOADS : 1)) return;
      this.run(entry);
    }
  }

  async run(entry) {
    const abort = new AbortController();
    Object.assign(entry, { abort, since: performance.now() });
    // Cancelled and tried again, an entry has another run, and this one is nobody's.
    const isOurs = () => entry.abort === abort;
    try {
      if (entry.jobId) this.set(entry, { state: "queued" });
      else await this.upload(entry, isOurs);
      if (isOurs() && entry.jobId && !isEnded(entry)) await this.follow(entry);
    } catch (failure) {
      if (isOurs()) this.fail(entry, failure);
    }
    this.pump();
  }

  async upload(entry, isOurs) {
    refuseTooLarge(entry.file, this.limits().maxBytes);
    this.uploads += 1;
    this.set(entry, { state: "uploading", sent: 0, total: entry.file.size, sentAll: false });
    const callbacks = {
      signal: entry.abort.signal,
      onProgress: ({ sent, total }) => { if (isOurs() && !isEnded(entry)) this.set(entry, { sent, total }); },
      onSent: () => { if (isOurs() && !isEnded(entry)) this.set(entry, { sentAll: true }); },
    };
    try {
      if (this.hasJobs) await this.promise(entry, isOurs, callbacks);
      if (!this.hasJobs && isOurs() && !isEnded(entry)) await this.wait(entry, callbacks);
    } finally {
      this.uploads -= 1;
      this.pump();
    }
  }

  /** Sends the file and keeps the job's name. */
  async promise(entry, isOurs, callbacks) {
    try {
      const job = await submitJob(entry.file, entry.key, callbacks);
      if (!isOurs() || entry.state === "cancelled") await this.cancelJobOf(entry, job.id);
      else entry.jobId = job.id;
    } catch (failure) {
      if (!(failure instanceof NoJobs)) throw failure;
      this.hasJobs = false;
    }
  }

  /** Where the service has no jobs the answer comes on the same connection, one file after another. */
  async wait(entry, callbacks) {
    const onSent = () => this.set(entry, { state: "running", sentAll: true, since: performance.now() });
    const { json, serverTiming } = await postForm("predict?format=framewitness", { file: entry.file }, { ...callbacks, onSent });
    this.set(entry, { state: "done", json, timings: serverTimings(serverTiming) });
  }

  async follow(entry) {
    const onJob = (job) => {
      if (isEnded(entry) || job.state === "done") return;
      const { position, stage, progress } = job;
      this.set(entry, { state: job.state === "queued" ? "queued" : "running", position, stage, progress });
    };
    entry.since = performance.now();
    const job = await followJob(entry.jobId, { onJob, signal: entry.abort.signal });
    if (isEnded(entry)) return;
    if (job.state === "done") {
      await this.fetchResult(entry, job.analysis_id);
      return;
    }
    entry.jobId = null;
    if (job.state === "cancelled") this.set(entry, { state: "cancelled" });
    else throw problemOfJob(job);
  }

  async fetchResult(entry, analysisId) {
    const { signal } = entry.abort;
    try {
      const json = await getJson(`api/v1/predictions/${encodeURIComponent(analysisId)}`, { signal });
      if (!isEnded(entry)) this.set(entry, { state: "done", json });
    } catch (problem) {
      if (problem.status !== 403) throw problem;
      // This key may send files and not read what is stored: it gets its answers on the spot.
      this.hasJobs = false;
      this.set(entry, { state: "waiting", jobId: null });
    }
  }

  fail(entry, failure) {
    if (entry.state === "cancelled") return;
    if (failure instanceof Cancelled) {
      this.set(entry, { state: "cancelled" });
    } else if (failure.status === 429 && entry.busy < MAX_BUSY && this.entries.length > 1) {
      this.heldUntil = Date.now() + Math.min(failure.retryAfterS ?? 2, MAX_BUSY_WAIT_S) * 1000;
      this.set(entry, { state: "waiting", busy: entry.busy + 1 });
    } else {
      this.set(entry, { state: "failed", problem: failure });
    }
  }
}
