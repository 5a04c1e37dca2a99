// Puts the page together: tabs, the published limits, and where a file goes that is dropped or pasted anywhere.

import { startAnalyse } from "./analyse.js";
import { getJson } from "./api.js";
import { byId } from "./dom.js";
import { catchStrayFiles } from "./drop.js";
import { bytes } from "./format.js";
import { startIntegrity } from "./integrity.js";
import { startRecent } from "./recent.js";
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

function followAddress() {
  const { tab, analysisId } = route();
  selectTab(tab);
  if (analysisId) analyse.open(analysisId);
  if (tab === "recent") recent.load();
}

/** The form says what it takes before anyone waits for an upload; without the answer it simply says less. */
async function publishLimits() {
  let json;
  try {
    json = await getJson("/api/v1/limits");
  } catch (problem) {
    if (problem.status === 0 || problem.status === 503) note("The service does not answer yet. It may still be starting.");
    return;
  }
  limits.maxBytes = [json.max_body_bytes, json.max_upload_bytes, json.max_file_bytes].find(Number.isFinite) ?? limits.maxBytes;
  const parts = [];
  if (Number.isFinite(limits.maxBytes)) parts.push(`at most ${bytes(limits.maxBytes)}`);
  const longest = [json.max_duration_s, json.max_duration_sec, json.max_duration_seconds].find(Number.isFinite);
  if (longest) parts.push(longest >= 120 ? `${Math.round(longest / 60)} minutes` : `${longest} s`);
  if (Number.isFinite(json.max_pixels)) parts.push(`${Math.round(json.max_pixels / 1e6)} megapixels a frame`);
  const text = parts.join(" · ");
  analyse.setHint(text ? `One video or picture of a face · ${text}` : "One video or picture of a face");
  if (Number.isFinite(limits.maxBytes)) integrity.setHint(`any file, ${parts[0]}`);
}

function note(words) {
  const box = byId("service-note");
  box.textContent = words;
  box.hidden = false;
}

startTabs();
window.addEventListener("hashchange", followAddress);
catchStrayFiles((file) => {
  if (currentTab() === "integrity") integrity.takeToSign(file);
  else if (!analyse.isBusy()) {
    selectTab("analyse");
    analyse.take(file);
  }
});
followAddress();
publishLimits();
