// What a reason means for the person who asked, and what would help.

import { strings } from "./strings.js";

/** The sentences for `reasons` that have one, each once. */
export function adviceFor(reasons) {
  return [...new Set(reasons.map((reason) => strings.advice.of[reason.code]).filter(Boolean))];
}
