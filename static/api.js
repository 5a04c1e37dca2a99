// Talks to the service. Every failure becomes a Problem that says what happened and what to do.

import { bytes } from "./format.js";
import { askForKey, keyHeaders } from "./key.js";
import { strings } from "./strings.js";

/** What went wrong, in the words of the service where it spoke (RFC 9457). */
export class Problem extends Error {
  constructor({ status = 0, title, detail = "", code = "", requestId = "", retryAfterS = null }) {
    super(title);
    Object.assign(this, { status, title, detail, code, requestId, retryAfterS });
  }

  /** What happened, in few words. */
  get headline() {
    return strings.api.headlines[this.status] ?? this.title;
  }

  /** Whether the same request may succeed later. */
  get mayPass() {
    return this.status <= 0 || [401, 403, 408, 429].includes(this.status) || this.status >= 500;
  }

  /** One sentence on what a person can do now. */
  get advice() {
    return strings.api.advice[this.status] ?? strings.api.otherAdvice;
  }
}

/** The caller cancelled. Not an error to show. */
export class Cancelled extends Error {}

const text = (value) => (typeof value === "string" ? value : "");

function problemFrom(status, body, header) {
  let json = null;
  try { json = JSON.parse(body); } catch { /* not ours: a proxy, perhaps */ }
  if (status === 401 || status === 403) askForKey();
  const retry = Number.parseInt(header("Retry-After") ?? "", 10);
  return new Problem({
    status,
    title: text(json?.title) || text(json?.error) || strings.api.status(status),
    detail: text(json?.detail),
    code: text(json?.code),
    requestId: text(json?.request_id) || text(header("x-request-id")),
    retryAfterS: Number.isFinite(retry) ? retry : null,
  });
}

/** An answer that is good, or a Problem. */
export async function request(path, { method = "GET", accept = "application/json", headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, { method, headers: { Accept: accept, ...headers, ...keyHeaders() }, signal });
  } catch {
    if (signal?.aborted) throw new Cancelled();
    throw new Problem({ title: strings.api.unreachable });
  }
  if (response.ok) return response;
  throw problemFrom(response.status, await response.text(), (name) => response.headers.get(name));
}

/** JSON or a Problem; GET where `method` says nothing else. */
export async function getJson(path, options) {
  const response = await request(path, options);
  return parsed(await response.text(), response.status);
}

function parsed(body, status) {
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem({ status, title: strings.api.unreadable, detail: strings.api.notJson, code: "unreadable-answer" });
  }
}

/**
 * Posts a form. `XMLHttpRequest` rather than `fetch`, because only it reports how much of the body is sent.
 * `onProgress({sent, total})` while sending, `onSent()` once the service has it all.
 * Answers `{json, serverTiming}`.
 */
export function postForm(path, fields, { onProgress, onSent, signal, headers = {} } = {}) {
  const form = new FormData();
  let largest = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) {
      form.append(name, value, value.name);
      largest = Math.max(largest, value.size);
    } else {
      form.append(name, value);
    }
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sentAll = false;
    request.open("POST", path);
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries({ ...headers, ...keyHeaders() })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      onProgress?.({ sent: event.loaded, total: event.lengthComputable ? event.total : largest });
    });
    request.upload.addEventListener("load", () => { sentAll = true; onSent?.(); });
    request.addEventListener("load", () => {
      const header = (name) => request.getResponseHeader(name);
      if (request.status < 200 || request.status > 299) {
        reject(problemFrom(request.status, request.responseText, header));
        return;
      }
      try {
        resolve({ json: parsed(request.responseText, request.status), serverTiming: header("Server-Timing") });
      } catch (problem) {
        reject(problem);
      }
    });
    request.addEventListener("error", () => reject(brokenConnection(sentAll)));
    request.addEventListener("abort", () => reject(new Cancelled()));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function brokenConnection(sentAll) {
  return new Problem({
    title: sentAll ? strings.api.brokeAfter : strings.api.brokeDuring,
    detail: sentAll ? strings.api.brokeAfterWhy : strings.api.brokeDuringWhy,
    code: "network",
  });
}

/** Says so before a byte is sent when the published limit already rules the file out. */
export function refuseTooLarge(file, maxBytes) {
  if (!Number.isFinite(maxBytes) || file.size <= maxBytes) return;
  throw new Problem({
    status: 413,
    title: strings.api.tooLarge,
    detail: strings.api.tooLargeWhy(bytes(file.size), bytes(maxBytes)),
    code: "over-published-limit",
  });
}

/** `Server-Timing: decode;dur=120` → `[["decode", 120]]`, milliseconds. */
export function serverTimings(header) {
  return (header ?? "").split(",").flatMap((entry) => {
    const match = /^\s*([\w-]+)\s*(?:;[^,]*?)?;\s*dur=([\d.]+)/.exec(entry);
    return match ? [[match[1], Number(match[2])]] : [];
  });
}
