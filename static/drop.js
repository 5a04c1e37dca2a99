// A place to drop a file: a native file input stretched over it keeps click, Space, Enter and screen
// readers as the browser makes them; dropping and pasting are added.

import { fileName, h, icon, show } from "./dom.js";
import { bytes } from "./format.js";

let nextId = 0;

/**
 * Builds the zone into `place`. `prompt` is its label, `hint` the small print, `onFile(file)` the choice.
 * Answers `{take(file), file(), forget(), focus(), setHint(text), setCompact(on), setBusy(on)}`.
 */
export function dropZone(place, { prompt, hint = "", accept, onFile, inputId }) {
  const id = inputId ?? `drop-${nextId++}`;
  let chosen = null;
  const input = h("input", { id, type: "file", accept, "aria-describedby": `${id}-hint ${id}-chosen` });
  const hintLine = h("span", { class: "drop-hint", id: `${id}-hint` }, hint);
  const chosenLine = h("span", { class: "drop-chosen", id: `${id}-chosen` });
  const zone = h("div", { class: "drop" },
    icon("upload"),
    h("div", { class: "drop-words" }, h("label", { for: id, class: "drop-prompt" }, prompt), chosenLine, hintLine),
    input);

  const take = (file, count = 1) => {
    if (!file) return;
    chosen = file;
    show(chosenLine, fileName(file.name), ` (${bytes(file.size)})`,
      count > 1 ? ` · the first of ${count} files; one at a time` : null);
    onFile(file);
  };
  input.addEventListener("change", () => {
    const file = input.files[0];
    take(file);
    input.value = ""; // the same file chosen again is a choice too
  });
  acceptDrops(zone, take);
  place.append(zone);
  return {
    take,
    file: () => chosen,
    setHint: (text) => { hintLine.textContent = text; },
    setCompact: (on) => zone.classList.toggle("compact", on),
    forget: () => { chosen = null; show(chosenLine); },
    focus: () => input.focus(),
    setBusy: (on) => { input.disabled = on; zone.classList.toggle("busy", on); },
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
    if (!zone.classList.contains("busy")) take(event.dataTransfer.files[0], event.dataTransfer.files.length);
  });
}

/** A file dropped beside a zone or pasted anywhere goes to `receiver(file)`; the browser never navigates to it. */
export function catchStrayFiles(receiver) {
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    const handled = event.defaultPrevented;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (!handled && file) receiver(file);
  });
  window.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    receiver(file);
  });
}
