// Puts the page together: tabs, the published limits, and where a file goes that is dropped or pasted anywhere.

import { startAnalyse } from "./analyse.js";
import { getJson } from "./api.js";
import { compare } from "./compare.js";
import { byId } from "./dom.js";
import { catchStrayFiles } from "./drop.js";
import { bytes } from "./format.js";
import { startIntegrity } from "./integrity.js";
import { startKey } from "./key.js";
import { startRecent } from "./recent.js";
import { strings } from "./strings.js";
import { currentTab, route, selectTab, startTabs } from "./tabs.js";

const limits = { maxBytes: Number.POSITIVE_INFINITY };

const integrity = startIntegrity({ limits: () => limits });
const analyse = startAnalyse({
  limits: () => limits,
  onSign: (file) => {
    history.pushState(null, "", "#integrity");
    selectTab("integrity");
    integrity.takeToSign(file);
  },
});
const recent = startRecent();

let isCompared = false;

function followAddress() {
  const { tab, analysisId = null, comparedIds = null } = route();
  const isListShown = tab === "recent" && currentTab() === "recent";
  selectTab(tab);
  if (analysisId) analyse.open(analysisId);
  // Beside a comparison the list stays as it was filtered.
  if (tab === "recent" && !(isListShown && (comparedIds || isCompared))) recent.load();
  isCompared = comparedIds !== null;
  compare(comparedIds);
}

/** The form says what it takes before anyone waits for an upload; without the answer it simply says less. */
async function publishLimits() {
  let json;
  try {
    json = await getJson("api/v1/limits");
  } catch (problem) {
    if (problem.status === 0 || problem.status === 503) note(strings.app.silent);
    return;
  }
  limits.maxBytes = json.max_body_bytes;
  if (Number.isFinite(json.sample_frames)) byId("look-text").textContent = strings.page.lookText(json.sample_frames);
  const parts = [
    Number.isFinite(json.max_body_bytes) && strings.app.atMost(bytes(json.max_body_bytes)),
    Number.isFinite(json.max_duration_s) && duration(json.max_duration_s),
    Number.isFinite(json.max_pixels) && strings.app.megapixels(Math.round(json.max_pixels / 1e6)),
  ].filter(Boolean);
  analyse.setHint([strings.analyse.hint, ...parts].join(" · "));
  if (Number.isFinite(json.max_body_bytes)) integrity.setHint(strings.app.anyFile(bytes(json.max_body_bytes)));
}

const duration = (seconds) => (seconds >= 120 ? strings.app.minutes(Math.round(seconds / 60)) : strings.app.seconds(seconds));

function note(words) {
  const box = byId("service-note");
  box.textContent = words;
  box.hidden = false;
}

startTabs();
startKey(() => {
  followAddress();
  publishLimits();
});
window.addEventListener("hashchange", followAddress);
catchStrayFiles((files) => {
  if (currentTab() === "integrity") {
    integrity.takeToSign(files[0]);
    return;
  }
  selectTab("analyse");
  analyse.take(files);
});
followAddress();
publishLimits();
