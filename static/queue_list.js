// The list of files where there are several: a row each, with what it is doing, its verdict, and what can be done.

import { byId, fileName, h, icon, show } from "./dom.js";
import { bytes, fake } from "./format.js";
import { progressOf, setBar } from "./progress.js";
import { isEnded } from "./queue.js";
import { strings } from "./strings.js";

const ACTIONS = [
  ["cancel", strings.queueList.cancel, (entry) => !isEnded(entry)],
  ["retry", strings.queueList.retry, (entry) => entry.state === "cancelled" || (entry.state === "failed" && entry.problem.mayPass !== false)],
  ["remove", strings.queueList.remove, isEnded],
];

/** `onOpen(entry)` shows a result; `on.cancel`, `on.retry` and `on.remove` do what their buttons say. */
export class QueueList {
  constructor({ onOpen, on, onClear }) {
    this.onOpen = onOpen;
    this.on = on;
    this.rows = new Map();
    this.chosen = null;
    this.list = h("ul", { class: "queue" });
    this.count = h("p", { class: "muted tabular", id: "queue-count" });
    this.clear = h("button", { type: "button", class: "button small-button", id: "queue-clear", on: { click: onClear } }, strings.queueList.clear);
    show(byId("analyse-queue"), h("div", { class: "card-head" }, h("h3", {}, strings.queueList.heading), this.count, this.clear), this.list);
  }

  /** Shows or hides the list as a whole. */
  set hidden(on) {
    byId("analyse-queue").hidden = on;
  }

  update(entry) {
    let row = this.rows.get(entry.id);
    if (!row) {
      row = this.makeRow(entry);
      this.rows.set(entry.id, row);
      this.list.append(row.node);
    }
    this.drawRow(row, entry);
  }

  remove(entry) {
    const row = this.rows.get(entry.id);
    const next = row?.node.nextElementSibling ?? row?.node.previousElementSibling;
    const hadFocus = row?.node.contains(document.activeElement);
    row?.node.remove();
    this.rows.delete(entry.id);
    if (hadFocus) next?.querySelector("button:not([hidden])")?.focus();
  }

  /** Marks the row whose result is shown. */
  choose(entry) {
    this.chosen = entry;
    for (const [id, { node, open }] of this.rows) {
      node.classList.toggle("chosen", id === entry?.id);
      if (id === entry?.id) open.setAttribute("aria-current", "true");
      else open.removeAttribute("aria-current");
    }
  }

  countUp(entries) {
    const of = (state) => entries.filter((entry) => entry.state === state).length;
    const parts = [strings.queueList.analysed(of("done"), entries.length), of("failed") > 0 && strings.queueList.failed(of("failed")), of("cancelled") > 0 && strings.queueList.cancelled(of("cancelled"))];
    this.count.textContent = parts.filter(Boolean).join(" · ");
    const hadFocus = document.activeElement === this.clear;
    this.clear.hidden = !entries.some(isEnded);
    // Hidden, a button loses the focus; what is left in the list takes it.
    if (hadFocus && this.clear.hidden) this.list.querySelector("button:not([hidden]):not(:disabled)")?.focus();
  }

  makeRow(entry) {
    const open = h("button", { type: "button", class: "queue-open" }, fileName(entry.file.name));
    const state = h("div", { class: "queue-state" });
    const bar = h("progress", { max: 100, "aria-label": strings.queueList.progress(entry.file.name) });
    const buttons = ACTIONS.map(([name, words]) => h("button", {
      type: "button", class: "button small-button", "data-action": name, "aria-label": strings.queueList.action(words, entry.file.name),
      on: { click: (event) => { event.stopPropagation(); this.on[name](entry); } },
    }, words));
    const node = h("li", { class: "queue-row", "data-entry": entry.id, on: { click: () => { if (entry.state === "done") this.onOpen(entry); } } },
      h("div", { class: "queue-name" }, open, h("span", { class: "muted small tabular" }, bytes(entry.file.size))),
      h("div", { class: "queue-course" }, state, bar),
      h("div", { class: "queue-actions" }, buttons));
    return { node, open, state, bar, buttons, shown: "" };
  }

  drawRow({ node, open, state, bar, buttons }, entry) {
    node.dataset.state = entry.state;
    open.disabled = entry.state !== "done";
    const moving = entry.state === "uploading" || entry.state === "running";
    bar.hidden = !moving;
    if (moving) setBar(bar, progressOf(entry).part);
    show(state, words(entry));
    const focused = buttons.includes(document.activeElement);
    for (const [position, [, , fits]] of ACTIONS.entries()) buttons[position].hidden = !fits(entry);
    if (focused && document.activeElement.hidden) buttons.find((button) => !button.hidden)?.focus();
  }
}

function words(entry) {
  if (entry.state === "done") return verdict(entry.json);
  if (entry.state === "cancelled") return h("span", { class: "muted" }, strings.queueList.states.cancelled);
  if (entry.state === "failed") {
    const { headline = strings.alert.pageFailed, detail = entry.problem.message } = entry.problem;
    return h("span", { class: "queue-problem" }, icon("alert"), h("span", {}, h("strong", {}, headline), detail && strings.queueList.detail(detail)));
  }
  return h("span", { class: "tabular" }, progressOf(entry).words);
}

/** The badge of an answer with its probability. */
function verdict(json) {
  const word = ["FAKE", "REAL"].includes(json.verdict) ? json.verdict : "INCONCLUSIVE";
  return h("span", { class: `badge ${word.toLowerCase()}` }, icon(word.toLowerCase()), strings.verdicts.words[word],
    typeof json.probability_fake === "number" && h("span", { class: "muted tabular" }, fake(json.probability_fake)));
}
