// A place to drop a file: a native file input stretched over it keeps click, Space, Enter and screen
// readers as the browser makes them; dropping and pasting are added.

import { fileName, h, icon, show } from "./dom.js";
import { bytes } from "./format.js";
import { strings } from "./strings.js";

let nextId = 0;

/**
 * Builds the zone into `place`. `prompt` is its label, `hint` the small print, `onFiles(files)` the choice, of one
 * file unless `multiple`.
 * Answers `{take(files), file(), forget(), focus(), setHint(text), setPrompt(text), setCompact(on)}`.
 */
export function dropZone(place, { prompt, hint = "", accept, onFiles, inputId, multiple = false }) {
  const id = inputId ?? `drop-${nextId++}`;
  let chosen = null;
  const input = h("input", { id, type: "file", accept, multiple, "aria-describedby": `${id}-hint ${id}-chosen` });
  const hintLine = h("span", { class: "drop-hint", id: `${id}-hint` }, hint);
  const chosenLine = h("span", { class: "drop-chosen", id: `${id}-chosen` });
  const label = h("label", { for: id, class: "drop-prompt" }, prompt);
  const zone = h("div", { class: "drop" }, icon("upload"), h("div", { class: "drop-words" }, label, chosenLine, hintLine), input);

  const take = (files) => {
    if (files.length === 0) return;
    const taken = multiple ? files : files.slice(0, 1);
    chosen = taken[0];
    show(chosenLine, ...(taken.length === 1 ? [fileName(chosen.name), strings.drop.chosen(bytes(chosen.size))] : [strings.drop.files(taken.length)]),
      taken.length < files.length ? strings.drop.onlyFirst(files.length) : null);
    onFiles(taken);
  };
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // the same file chosen again is a choice too
    take(files);
  });
  acceptDrops(zone, take);
  place.append(zone);
  return {
    take,
    file: () => chosen,
    setHint: (text) => { hintLine.textContent = text; },
    setPrompt: (text) => { label.textContent = text; },
    setCompact: (on) => zone.classList.toggle("compact", on),
    forget: () => { chosen = null; show(chosenLine); },
    focus: () => input.focus(),
  };
}

function acceptDrops(zone, take) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  zone.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (event) => {
    depth = 0;
    zone.classList.remove("over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

/** Files dropped beside a zone or pasted anywhere go to `receiver(files)`; the browser never navigates to them. */
export function catchStrayFiles(receiver) {
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    const handled = event.defaultPrevented;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!handled && files.length > 0) receiver(files);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    receiver(files);
  });
}
