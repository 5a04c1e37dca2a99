// Analyses that are answered later: sending a file, following its job to the end, cancelling it.

import { Cancelled, getJson, postForm, Problem, request } from "./api.js";
import { strings } from "./strings.js";

const ROUTE = "api/v1/analyses";
/** Browsers open six connections to a host; uploads and pictures need some of them. */
const MAX_STREAMS = 2;
const SHORTEST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 3000;
/** Failed looks in a row before the connection counts as lost. */
const MAX_FAILURES = 8;
const ENDED = ["done", "failed", "cancelled", "set-aside"];
/** What `POST predict` would have answered for a job's reason; other reasons lie in the file: 422. */
const STATUS_OF = { "unsupported-media": 415, "deadline-exceeded": 504, "set-aside": 500 };

let streams = 0;

/** Thrown where the service has no jobs: a file is then analysed while the page waits. */
export class NoJobs extends Error {}

/** A name that no other request has. `randomUUID` is missing on pages that came over plain HTTP. */
export function requestKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends `file` and answers its job. The same `key` sent again is the same job. */
export async function submitJob(file, key, callbacks) {
  try {
    const { json } = await postForm(ROUTE, { file }, { ...callbacks, headers: { "Idempotency-Key": key } });
    return json;
  } catch (problem) {
    if ([404, 405, 501].includes(problem.status)) throw new NoJobs();
    throw problem;
  }
}

/** Nothing is left to cancel where the job has ended. */
export async function cancelJob(id) {
  try {
    await getJson(`${ROUTE}/${encodeURIComponent(id)}`, { method: "DELETE" });
  } catch (problem) {
    if (problem.status !== 409 && problem.status !== 404) throw problem;
  }
}

/**
 * Follows a job and answers it as it stands at its end. `onJob(job)` hears of every change. While it runs its events
 * are read as they come; while it waits, and where no stream can be had, it is asked for now and then.
 */
export async function followJob(id, { onJob, signal }) {
  const path = `${ROUTE}/${encodeURIComponent(id)}`;
  let lastEventId = "";
  let failures = 0;
  let waitMs = SHORTEST_WAIT_MS;
  for (;;) {
    try {
      const job = await getJson(path, { signal });
      onJob(job);
      if (ENDED.includes(job.state)) return job;
      failures = 0;
      if (job.state === "running" && streams < MAX_STREAMS) {
        for await (const event of eventsOf(path, lastEventId, signal)) {
          lastEventId = event.id;
          if (event.type === "stage") onJob({ ...job, ...event.data });
        }
        waitMs = SHORTEST_WAIT_MS;
      }
    } catch (problem) {
      failures += 1;
      const passes = problem instanceof Problem ? problem.mayPass && ![401, 403].includes(problem.status) : !(problem instanceof Cancelled);
      if (!passes || failures >= MAX_FAILURES) throw problem;
    }
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS);
  }
}

/** Why a job that ended has no result, as if its file had been waited for. */
export function problemOfJob({ state, reason }) {
  return new Problem({
    status: STATUS_OF[reason?.code] ?? STATUS_OF[state] ?? 422,
    title: strings.jobs.noResult, detail: reason?.message ?? "", code: reason?.code ?? state,
  });
}

/** The events after `lastEventId`. `EventSource` sends no key, so the stream is read by hand. */
async function* eventsOf(path, lastEventId, signal) {
  streams += 1;
  let reader = null;
  try {
    const headers = lastEventId ? { "Last-Event-ID": lastEventId } : {};
    const response = await request(`${path}/events`, { accept: "text/event-stream", headers, signal });
    if (response.status === 204 || !response.body) return;
    reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = readEvent(block);
        if (event) yield event;
      }
    }
  } finally {
    streams -= 1;
    reader?.cancel().catch(() => {});
  }
}

/** `id`, `event` and `data` of one block; comments and the wish of when to come back are none. */
function readEvent(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  return fields.data ? { id: fields.id ?? "", type: fields.event, data: JSON.parse(fields.data) } : null;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(new Cancelled()); }, { once: true });
  });
}
