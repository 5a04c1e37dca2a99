// The sampled frames: one large with its face boxes, its crops beside it, all of them as a strip below.

import { facts, h, show, svg } from "./dom.js";
import { decimals, fake, percent, seconds } from "./format.js";
import { trackIds } from "./answer.js";
import { isWanted, overCrop, overFrame, remember } from "./heatmap.js";
import { showPicture } from "./key.js";
import { strings } from "./strings.js";

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
    this.lost = h("p", { class: "frame-lost", hidden: true }, strings.frames.lost);
    this.crops = h("div", { class: "crops" });
    this.strip = h("div", { class: "strip", role: "listbox", "aria-label": strings.frames.strip, "aria-orientation": "horizontal" },
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
      h("label", { class: "check" }, box, strings.frames.heatMap),
      h("span", { class: "heat-legend", "aria-hidden": "true" }),
      h("p", { class: "muted small", id: "heat-map-note" }, this.contributes() ? strings.frames.contributionNote : strings.frames.heatMapNote));
  }

  /** Whether the maps say what moved the score, and not where traces were seen. */
  contributes() {
    return this.frames.some((frame) => frame.faces.some((face) => face.map?.contributes));
  }

  layout() {
    return h("div", { class: "viewer" },
      h("div", { class: "viewer-frame" },
        h("div", { class: "frame-stage" }, this.picture, this.heat, this.overlay, this.lost),
        h("div", { class: "frame-steps" }, this.stepButton(strings.frames.previous, "‹", -1), this.caption, this.stepButton(strings.frames.next, "›", 1))),
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
      : h("p", { class: "muted" }, strings.frames.noFace));
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

const timeOf = (frame) => (frame.timeS === null ? strings.scores.frame(frame.index) : seconds(frame.timeS));

function describe(frame) {
  const faces = frame.faces.map((face) => strings.frames.face(strings.scores.track(face.trackId), fake(face.fused)));
  return strings.frames.described(frame.index, timeOf(frame), faces.length > 0 ? faces.join("; ") : strings.frames.noFaceShort);
}

function caption(frame, count) {
  const place = strings.frames.place(frame.position + 1, count);
  const time = frame.timeS === null ? [] : [seconds(frame.timeS)];
  return [place, ...time, strings.scores.frame(frame.index)].join(" · ");
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
  const lost = h("span", { class: "crop-lost", hidden: true }, strings.frames.cropLost);
  const image = picture(face.cropUrl, { alt: strings.frames.crop(strings.scores.track(face.trackId)), width: 256, height: 256, decoding: "async" });
  image.addEventListener("error", () => { image.hidden = true; lost.hidden = false; });
  return h("figure", { class: `crop track-${colour}` },
    h("div", { class: "crop-image" }, image, showsHeat && face.map && overCrop(face.map), lost),
    h("figcaption", {},
      h("strong", {}, strings.scores.track(face.trackId)),
      h("span", {}, fake(face.fused)),
      facts([
        [strings.scores.sequenceModel, face.sequence === null ? null : percent(face.sequence)],
        [strings.scores.frameModel, face.frame === null ? null : percent(face.frame)],
        [strings.frames.detector, face.detectionScore === null ? null : decimals(face.detectionScore, 2)],
        [strings.frames.sharpness, face.sharpness === null ? null : decimals(face.sharpness, 0)],
        [strings.frames.heatMap, showsHeat && !face.map ? strings.frames.notOfThisFrame : null],
      ])));
}

function faceBox(face, colour, { across, down, width, height }) {
  const box = { x: face.box.x * across, y: face.box.y * down, width: face.box.width * across, height: face.box.height * down };
  const words = `${strings.scores.track(face.trackId)} · ${fake(face.fused)}`;
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
