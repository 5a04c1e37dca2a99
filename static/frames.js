// The sampled frames: one large with its face boxes, its crops beside it, all of them as a strip below.

import { facts, h, show, svg } from "./dom.js";
import { percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";
import { isWanted, overCrop, overFrame, remember } from "./heatmap.js";
import { showPicture } from "./key.js";

/** Draws into `place`; `onSelect(position, {focus})` when a frame is chosen. Answers `{select(position, {focus})}`. */
export function drawFrames(place, answer, onSelect) {
  return new Viewer(place, answer, onSelect);
}

class Viewer {
  constructor(place, answer, onSelect) {
    this.answer = answer;
    this.frames = answer.frames;
    this.onSelect = onSelect;
    this.current = answer.frames[0];
    this.colours = new Map(trackIds(answer).map((id, order) => [id, order % 6]));
    this.caption = h("p", { class: "frame-caption tabular", "aria-live": "polite" });
    this.picture = h("img", { class: "frame-image", alt: "", decoding: "async" });
    this.overlay = svg("svg", { class: "frame-boxes", "aria-hidden": "true" });
    this.heat = h("canvas", { class: "frame-heat", "aria-hidden": "true" });
    this.hasMaps = this.frames.some((frame) => frame.faces.some((face) => face.map));
    this.showsHeat = this.hasMaps && isWanted();
    this.lost = h("p", { class: "frame-lost", hidden: true }, "This picture is no longer stored here.");
    this.crops = h("div", { class: "crops" });
    this.strip = h("div", { class: "strip", role: "listbox", "aria-label": "Sampled frames", "aria-orientation": "horizontal" },
      this.frames.map((frame) => thumbnail(frame, onSelect)));
    this.strip.hidden = this.frames.length === 1;
    this.listen();
    show(place, this.hasMaps && this.heatSwitch(), this.layout(), this.strip);
  }

  heatSwitch() {
    const box = h("input", { type: "checkbox", id: "heat-map", "aria-describedby": "heat-map-note", checked: this.showsHeat });
    box.addEventListener("change", () => {
      this.showsHeat = box.checked;
      remember(box.checked);
      this.select(this.current.position);
    });
    return h("div", { class: "heat-switch" },
      h("label", { class: "check" }, box, "Heat map"),
      h("span", { class: "heat-legend", "aria-hidden": "true" }),
      h("p", { class: "muted small", id: "heat-map-note" },
        "Where the frame model sees traces, from violet to yellow. A hint where to look, not a proof of where something was changed. It looks at some of the frames only."));
  }

  layout() {
    return h("div", { class: "viewer" },
      h("div", { class: "viewer-frame" },
        h("div", { class: "frame-stage" }, this.picture, this.heat, this.overlay, this.lost),
        h("div", { class: "frame-steps" }, this.stepButton("Previous frame", "‹", -1), this.caption, this.stepButton("Next frame", "›", 1))),
      this.crops);
  }

  stepButton(label, sign, by) {
    const step = () => this.onSelect(this.clamp(this.current.position + by));
    return h("button", { type: "button", class: "button step", "aria-label": label, on: { click: step } }, sign);
  }

  listen() {
    this.strip.addEventListener("keydown", (event) => this.keyOnStrip(event));
    this.picture.addEventListener("load", () => this.drawBoxes());
    this.picture.addEventListener("error", () => this.pictureLost());
    new ResizeObserver(() => this.drawBoxes()).observe(this.picture);
  }

  clamp(position) {
    return Math.min(Math.max(position, 0), this.frames.length - 1);
  }

  /** Shows a frame; `focus` moves the keyboard to its thumbnail. */
  select(position, { focus = false } = {}) {
    this.current = this.frames[this.clamp(position)];
    this.lost.hidden = true;
    this.picture.classList.remove("gone");
    if (this.current.url) showPicture(this.picture, this.current.url);
    else this.pictureLost();
    this.picture.alt = describe(this.current);
    show(this.caption, caption(this.current, this.frames.length));
    show(this.crops, this.current.faces.length > 0
      ? this.current.faces.map((face) => crop(face, this.colours.get(face.trackId), this.showsHeat))
      : h("p", { class: "muted" }, "No face was found in this frame."));
    this.drawBoxes();
    this.markThumbnail(focus);
  }

  pictureLost() {
    this.lost.hidden = false;
    this.picture.classList.add("gone");
    this.heat.hidden = true;
    show(this.overlay);
  }

  /** Boxes are pixels of the upright video; the picture is shown at any size. */
  drawBoxes() {
    const { clientWidth: width, clientHeight: height, naturalWidth, naturalHeight } = this.picture;
    show(this.overlay);
    if (!this.picture.complete || naturalWidth === 0 || width === 0 || !this.lost.hidden) return;
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.setAttribute("width", width);
    this.overlay.setAttribute("height", height);
    const across = width / (Number(this.answer.metadata.width) || naturalWidth);
    const down = height / (Number(this.answer.metadata.height) || naturalHeight);
    this.heat.hidden = !this.showsHeat;
    if (this.showsHeat) overFrame(this.heat, this.current.faces, { across, down, width, height });
    const faces = this.current.faces.filter((face) => face.box);
    this.overlay.append(...faces.map((face) => faceBox(face, this.colours.get(face.trackId), { across, down, width, height })));
  }

  markThumbnail(focus) {
    for (const [position, option] of [...this.strip.children].entries()) {
      const selected = position === this.current.position;
      option.setAttribute("aria-selected", String(selected));
      option.tabIndex = selected ? 0 : -1;
      if (!selected) continue;
      if (focus) option.focus({ preventScroll: true });
      scrollInto(this.strip, option);
    }
  }

  keyOnStrip(event) {
    const here = this.current.position;
    const target = {
      ArrowRight: here + 1, ArrowLeft: here - 1, ArrowDown: here + 1, ArrowUp: here - 1,
      PageDown: here + 5, PageUp: here - 5, Home: 0, End: this.frames.length - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.onSelect(this.clamp(target), { focus: true });
  }
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
    class: "thumb", role: "option", tabindex: "-1", "aria-selected": "false",
    on: { click: () => onSelect(frame.position, { focus: true }) },
  },
  frame.url && picture(frame.url, { alt: "", loading: "lazy", decoding: "async", draggable: "false" }),
  bar,
  h("span", { class: "visually-hidden" }, describe(frame)),
  h("span", { class: "thumb-text tabular", "aria-hidden": "true" }, frame.timeS === null ? `#${frame.index}` : seconds(frame.timeS),
    h("b", {}, score === null ? "–" : percent(score))));
}

function picture(url, attributes) {
  const image = h("img", attributes);
  showPicture(image, url);
  return image;
}

function crop(face, colour, showsHeat) {
  const lost = h("span", { class: "crop-lost", hidden: true }, "not stored");
  const image = picture(face.cropUrl, { alt: `Aligned crop of track ${face.trackId}`, width: 256, height: 256, decoding: "async" });
  image.addEventListener("error", () => { image.hidden = true; lost.hidden = false; });
  return h("figure", { class: `crop track-${colour}` },
    h("div", { class: "crop-image" }, image, showsHeat && face.map && overCrop(face.map), lost),
    h("figcaption", {},
      h("strong", {}, `Track ${face.trackId}`),
      face.fused === null ? h("span", {}, "not scored") : h("span", {}, `${percent(face.fused)} fake`),
      facts([
        ["Sequence", face.sequence === null ? null : percent(face.sequence)],
        ["Frame", face.frame === null ? null : percent(face.frame)],
        ["Detector", face.detectionScore === null ? null : face.detectionScore.toFixed(2)],
        ["Sharpness", face.sharpness === null ? null : face.sharpness.toFixed(0)],
        ["Heat map", showsHeat && !face.map ? "not of this frame" : null],
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
