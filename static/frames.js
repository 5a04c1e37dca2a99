// The sampled frames: one large with its face boxes, its crops beside it, all of them as a strip below.

import { facts, h, show, svg } from "./dom.js";
import { percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";

/** Draws into `place`; `onSelect(position)` when a frame is chosen. Answers `{select(position)}`. */
export function drawFrames(place, answer, onSelect) {
  const colours = new Map(trackIds(answer).map((id, order) => [id, order % 6]));
  const heading = h("p", { class: "frame-caption tabular", "aria-live": "polite" });
  const picture = h("img", { class: "frame-image", alt: "", decoding: "async" });
  const overlay = svg("svg", { class: "frame-boxes", "aria-hidden": "true" });
  const lost = h("p", { class: "frame-lost", hidden: true }, "This picture is no longer stored here.");
  const crops = h("div", { class: "crops" });
  const stage = h("div", { class: "frame-stage" }, picture, overlay, lost);
  const steps = h("div", { class: "frame-steps" },
    stepButton("Previous frame", "‹", -1), heading, stepButton("Next frame", "›", 1));
  const strip = h("div", { class: "strip", role: "listbox", "aria-label": "Sampled frames", "aria-orientation": "horizontal" },
    answer.frames.map((frame) => thumbnail(frame, onSelect)));
  let current = answer.frames[0];

  function stepButton(label, sign, by) {
    return h("button", {
      type: "button", class: "button step", "aria-label": label,
      on: { click: () => onSelect(clamp(current.position + by)) },
    }, sign);
  }

  const clamp = (position) => Math.min(Math.max(position, 0), answer.frames.length - 1);

  function select(position, { focus = false } = {}) {
    current = answer.frames[clamp(position)];
    lost.hidden = true;
    picture.classList.remove("gone");
    if (current.url) picture.src = current.url;
    picture.alt = describe(current);
    show(heading, caption(current, answer.frames.length));
    show(crops, current.faces.length > 0
      ? current.faces.map((face) => crop(face, colours.get(face.trackId)))
      : h("p", { class: "muted" }, "No face was found in this frame."));
    drawBoxes();
    markThumbnail(focus);
  }

  function drawBoxes() {
    const width = picture.clientWidth;
    const height = picture.clientHeight;
    show(overlay);
    if (!picture.complete || picture.naturalWidth === 0 || width === 0) return;
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const across = width / (Number(answer.metadata.width) || picture.naturalWidth);
    const down = height / (Number(answer.metadata.height) || picture.naturalHeight);
    const faces = current.faces.filter((face) => face.box);
    overlay.append(...faces.map((face) => faceBox(face, colours.get(face.trackId), { across, down, width, height })));
  }

  function markThumbnail(focus) {
    for (const [position, option] of [...strip.children].entries()) {
      const selected = position === current.position;
      option.setAttribute("aria-selected", String(selected));
      option.tabIndex = selected ? 0 : -1;
      if (!selected) continue;
      if (focus) option.focus({ preventScroll: true });
      scrollInto(strip, option);
    }
  }

  strip.addEventListener("keydown", (event) => {
    const target = {
      ArrowRight: current.position + 1, ArrowLeft: current.position - 1, ArrowDown: current.position + 1,
      ArrowUp: current.position - 1, PageDown: current.position + 5, PageUp: current.position - 5,
      Home: 0, End: answer.frames.length - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    onSelect(clamp(target), { focus: true });
  });
  picture.addEventListener("load", drawBoxes);
  picture.addEventListener("error", () => { lost.hidden = false; picture.classList.add("gone"); show(overlay); });
  new ResizeObserver(drawBoxes).observe(picture);
  show(place, h("div", { class: "viewer" }, h("div", { class: "viewer-frame" }, stage, steps), crops), strip);
  return { select };
}

/** Scrolls the strip only, never the page. */
function scrollInto(strip, option) {
  const middle = option.offsetLeft - strip.offsetLeft - (strip.clientWidth - option.offsetWidth) / 2;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  strip.scrollTo({ left: middle, behavior: calm ? "auto" : "smooth" });
}

/** The highest score in the frame, which is what its thumbnail shows. */
function frameScore(frame) {
  const scores = frame.faces.map((face) => face.fused).filter((score) => score !== null);
  return scores.length > 0 ? Math.max(...scores) : null;
}

const timeOf = (frame) => (frame.timeS === null ? `frame ${frame.index}` : seconds(frame.timeS));

function describe(frame) {
  const faces = frame.faces.map((face) => `track ${face.trackId}, ${face.fused === null ? "not scored" : `${percent(face.fused)} fake`}`);
  return `Frame ${frame.index} at ${timeOf(frame)}: ${faces.length > 0 ? faces.join("; ") : "no face found"}`;
}

function caption(frame, count) {
  const place = `${frame.position + 1} of ${count}`;
  return frame.timeS === null ? `${place} · frame ${frame.index}` : `${place} · ${seconds(frame.timeS)} · frame ${frame.index}`;
}

function thumbnail(frame, onSelect) {
  const score = frameScore(frame);
  const bar = h("span", { class: "thumb-bar" });
  bar.style.setProperty("--score", score ?? 0);
  return h("div", {
    class: "thumb", role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": describe(frame),
    on: { click: () => onSelect(frame.position, { focus: true }) },
  },
  frame.url && h("img", { src: frame.url, alt: "", loading: "lazy", decoding: "async", draggable: "false" }),
  bar,
  h("span", { class: "thumb-text tabular" }, frame.timeS === null ? `#${frame.index}` : seconds(frame.timeS),
    h("b", {}, score === null ? "–" : percent(score))));
}

function crop(face, colour) {
  const lost = h("span", { class: "crop-lost", hidden: true }, "not stored");
  const image = h("img", { src: face.cropUrl, alt: `Aligned crop of track ${face.trackId}`, width: 256, height: 256, decoding: "async" });
  image.addEventListener("error", () => { image.hidden = true; lost.hidden = false; });
  return h("figure", { class: `crop track-${colour}` },
    h("div", { class: "crop-image" }, image, lost),
    h("figcaption", {},
      h("strong", {}, `Track ${face.trackId}`),
      face.fused === null ? h("span", {}, "not scored") : h("span", {}, `${percent(face.fused)} fake`),
      facts([
        ["Sequence", face.sequence === null ? null : percent(face.sequence)],
        ["Frame", face.frame === null ? null : percent(face.frame)],
        ["Detector", face.detectionScore === null ? null : face.detectionScore.toFixed(2)],
        ["Sharpness", face.sharpness === null ? null : face.sharpness.toFixed(0)],
      ])));
}

function faceBox(face, colour, { across, down, width, height }) {
  const box = { x: face.box.x * across, y: face.box.y * down, width: face.box.width * across, height: face.box.height * down };
  const words = `Track ${face.trackId} · ${face.fused === null ? "not scored" : `${percent(face.fused)} fake`}`;
  const labelWidth = words.length * 6.6 + 12;
  const x = Math.max(0, Math.min(box.x, width - labelWidth));
  const above = box.y - 22 >= 0;
  const y = above ? box.y - 22 : Math.min(box.y + box.height, height - 22);
  return svg("g", { class: `face-box track-${colour}` },
    svg("rect", { class: "halo", ...box }),
    svg("rect", { class: "edge", ...box }),
    svg("rect", { class: "plate", x, y, width: labelWidth, height: 20, rx: 3 }),
    svg("text", { x: x + 6, y: y + 14 }, words));
}
