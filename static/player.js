// The video itself beside the plot, in step with it: where the page has the file and the browser can play it.

import { h, show } from "./dom.js";
import { strings } from "./strings.js";

/**
 * Shows `file` in `place`. `onTime(seconds)` while it plays or is moved by hand, `onRest(seconds)` when it stops there.
 * Answers `{seek(seconds), end()}`.
 */
export function showVideo(place, file, { onTime, onRest }) {
  const url = URL.createObjectURL(file);
  const video = h("video", { class: "player", id: "player", controls: true, playsinline: true, preload: "auto", src: url, "aria-label": strings.player.video });
  // Attributes alone do not silence a video that a script made.
  video.muted = true;
  show(place, video);
  const playing = () => {
    if (video.paused || !video.isConnected) return;
    onTime(video.currentTime);
    requestAnimationFrame(playing);
  };
  // A person may move the video while the page does: only where it comes to rest tells whose move it was.
  let askedS = null;
  let wantedS = null;
  const isAsked = () => askedS !== null && Math.abs(video.currentTime - askedS) < 0.001;
  const seekNext = () => {
    if (wantedS === null || video.seeking) return;
    askedS = Math.min(wantedS, video.duration || wantedS);
    video.currentTime = askedS;
    wantedS = null;
  };
  video.addEventListener("play", () => requestAnimationFrame(playing));
  video.addEventListener("pause", () => onRest(video.currentTime));
  video.addEventListener("seeked", () => {
    // Not forgotten here: the event of an earlier move may come when the next one has begun.
    if (!isAsked() && video.paused) onRest(video.currentTime);
    seekNext();
  });
  video.addEventListener("error", () => {
    place.hidden = true;
    URL.revokeObjectURL(url);
  });
  return {
    /** Moves a video that rests; one that plays goes its own way. */
    seek(seconds) {
      if (!video.paused || !Number.isFinite(seconds)) return;
      wantedS = seconds;
      seekNext();
    },
    /** The file is let go of. */
    end() {
      video.removeAttribute("src");
      URL.revokeObjectURL(url);
    },
  };
}
