// Builds elements. Data only ever becomes a text node or an attribute, never markup, so a hostile
// file name stays a name.

import { strings } from "./strings.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element; `on: {click}` attaches listeners, false and null attributes are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** An icon of the sprite in index.html. Decorative: the words beside it carry the meaning. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true", focusable: "false" }, svg("use", { href: `#icon-${name}` }));
}

export const byId = (id) => document.getElementById(id);

/** Replaces what `node` holds. */
export function show(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
  return node;
}

/** A file name set apart from the text around it, whatever its writing direction. */
export function fileName(name) {
  return h("bdi", { class: "filename" }, visibleName(name));
}

/** Control characters and direction overrides, which could disguise a name, become U+FFFD. */
export function visibleName(name) {
  return String(name ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
}

/** A definition list of `[term, value]`; rows without a value are left out. */
export function facts(rows) {
  const list = h("dl", { class: "facts" });
  for (const [term, value] of rows) {
    if (value === undefined || value === null || value === "") continue;
    list.append(h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  }
  return list;
}

/** Starts a download of `parts` under `name`. */
export function download(name, type, ...parts) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A button that copies `text()` and says whether it could. */
export function copyButton(label, text, { small = true } = {}) {
  const button = h("button", { type: "button", class: small ? "button small-button" : "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = strings.dom.copied;
    } catch {
      button.textContent = strings.dom.notCopied;
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}
