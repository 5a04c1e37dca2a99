// The box a failure is shown in.

import { facts, h, icon, show } from "./dom.js";
import { Problem } from "./api.js";
import { strings } from "./strings.js";

/**
 * Shows `problem` in `place`. Where trying again can help, `retry` becomes a button, held back as long as Retry-After
 * asks.
 */
export function showProblem(place, problem, retry) {
  const known = problem instanceof Problem ? problem : new Problem({
    status: -1, title: strings.alert.pageFailed, detail: String(problem?.message ?? problem), code: "page",
  });
  const heading = h("h3", {}, known.headline.replace(/\.$/, ""));
  const box = h("div", { class: "alert", role: "alert" },
    icon("alert"),
    h("div", { class: "alert-body" },
      heading,
      known.detail && h("p", {}, sentence(known.detail)),
      h("p", { class: "advice" }, known.advice),
      facts([
        [strings.alert.status, known.status > 0 ? `${known.status} ${known.headline === known.title ? "" : known.title}` : null],
        [strings.alert.code, known.code],
        [strings.alert.request, known.requestId],
      ]),
      h("div", { class: "actions" },
        retry && known.mayPass && retryButton(retry, known.retryAfterS, place),
        h("button", { type: "button", class: "button", on: { click: () => show(place) } }, strings.alert.dismiss))));
  if (!(problem instanceof Problem)) console.error(problem);
  show(place, box);
}

/** Capital first, full stop last. */
const sentence = (words) => words[0].toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");

function retryButton(retry, afterS, place) {
  const button = h("button", { type: "button", class: "button primary" }, strings.alert.retry);
  button.addEventListener("click", () => { show(place); retry(); });
  if (afterS > 0) holdBack(button, Math.min(afterS, 3600));
  return button;
}

function holdBack(button, forS) {
  const readyAt = Date.now() + forS * 1000;
  button.disabled = true;
  const tick = () => {
    const leftS = Math.ceil((readyAt - Date.now()) / 1000);
    button.disabled = leftS > 0;
    button.textContent = leftS > 0 ? strings.alert.retryIn(leftS) : strings.alert.retry;
    if (leftS <= 0 || !button.isConnected) clearInterval(timer);
  };
  const timer = setInterval(tick, 250);
  button.textContent = strings.alert.retryIn(forS);
}
