// Puts the words of index.html into it. The page waits with its first paint until this has run (`blocking="render"`), so
// nobody sees it without them; where a browser does not know that, they come a moment later.

import { h } from "./dom.js";
import { strings } from "./strings.js";

/** What a key such as `page.tagline` says; a sentence that has values says its default. */
function textOf(key) {
  const text = key.split(".").reduce((table, name) => table[name], strings);
  return typeof text === "function" ? text() : text;
}

/** Words between backticks are code. */
const parts = (text) => text.split("`").map((part, place) => (place % 2 === 1 ? h("code", {}, part) : part));

document.documentElement.lang = strings.language.code;
for (const element of document.querySelectorAll("[data-text]")) element.append(...parts(textOf(element.dataset.text)));
for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", textOf(element.dataset.label));
