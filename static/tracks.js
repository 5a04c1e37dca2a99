// Each person's face through the video: a row of aligned crops in time order.

import { h, show } from "./dom.js";
import { fake, percent, seconds } from "./format.js";
import { showPicture } from "./key.js";
import { trackIds } from "./answer.js";
import { strings } from "./strings.js";

/** Draws into `place`; `onSelect(position)` when a crop is chosen. Answers `{select(position)}`. */
export function drawTracks(place, answer, onSelect) {
  const rows = trackIds(answer).map((id, order) => trackRow(answer, id, order, onSelect)).filter((row) => row.options.length > 0);
  show(place, rows.map((row) => row.node));
  return { select: (position) => rows.forEach((row) => row.select(position)) };
}

function trackRow(answer, id, order, onSelect) {
  const seen = answer.frames.flatMap((frame) => frame.faces.filter((face) => face.trackId === id).map((face) => ({ frame, face })));
  const options = seen.map(({ frame, face }) => cropOption(frame, face, onSelect));
  const track = answer.tracks.find((each) => each.id === id);
  const strip = h("div", { class: "face-strip", role: "listbox", "aria-label": strings.tracks.strip(strings.scores.track(id)), "aria-orientation": "horizontal" }, options);
  strip.addEventListener("keydown", (event) => moveFocus(event, options));
  const select = (position) => {
    const at = seen.findIndex(({ frame }) => frame.position === position);
    options.forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === at));
      option.tabIndex = place === Math.max(0, at) ? 0 : -1;
    });
    if (at >= 0) scrollTo(strip, options[at]);
  };
  const node = h("div", { class: `face-row track-${order % 6}` },
    h("p", { class: "face-row-name" }, h("strong", {}, strings.scores.track(id)), h("span", { class: "muted small tabular" }, fake(track?.fused ?? null))),
    strip);
  return { node, options, select };
}

function cropOption(frame, face, onSelect) {
  const image = h("img", { alt: "", loading: "lazy", decoding: "async", width: 64, height: 64, draggable: "false" });
  if (face.cropUrl) showPicture(image, face.cropUrl);
  image.addEventListener("error", () => { image.hidden = true; });
  const time = frame.timeS === null ? strings.scores.frame(frame.index) : seconds(frame.timeS);
  const score = face.fused === null ? strings.scores.notScored : percent(face.fused);
  const option = h("div", { class: "face-option", role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": strings.tracks.face(time, fake(face.fused)), title: strings.tracks.tip(time, score), "data-frame": frame.position },
    image, h("span", { class: "thumb-text tabular", "aria-hidden": "true" }, face.fused === null ? "–" : score));
  option.addEventListener("click", () => onSelect(frame.position));
  option.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onSelect(frame.position);
  });
  return option;
}

function moveFocus(event, options) {
  const here = options.indexOf(document.activeElement);
  const target = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: options.length - 1 }[event.key];
  if (target === undefined || here < 0) return;
  event.preventDefault();
  options[Math.min(options.length - 1, Math.max(0, target))].focus();
}

/** Scrolls the row only, never the page. */
function scrollTo(strip, option) {
  const left = option.offsetLeft - strip.offsetLeft - (strip.clientWidth - option.offsetWidth) / 2;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  strip.scrollTo({ left, behavior: calm ? "auto" : "smooth" });
}
