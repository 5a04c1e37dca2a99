// Tabs after the ARIA pattern: one tab stop, arrow keys move and select, the address names the tab.

import { byId } from "./dom.js";

const NAMES = ["analyse", "integrity", "recent"];

/** Selects a tab and shows its panel. */
export function selectTab(name, { focus = false } = {}) {
  for (const each of NAMES) {
    const tab = byId(`tab-${each}`);
    const selected = each === name;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    byId(`panel-${each}`).hidden = !selected;
    if (selected && focus) tab.focus();
  }
}

/** The tab shown now. */
export const currentTab = () => NAMES.find((name) => !byId(`panel-${name}`).hidden);

/** Where the address points: a tab, one stored analysis, or two to compare. */
export function route() {
  const hash = location.hash.slice(1);
  const analysis = /^analysis\/([0-9a-fA-F-]{36})$/.exec(hash);
  if (analysis) return { tab: "analyse", analysisId: analysis[1] };
  const pair = /^compare\/([0-9a-fA-F-]{36})\/([0-9a-fA-F-]{36})$/.exec(hash);
  if (pair) return { tab: "recent", comparedIds: pair.slice(1) };
  return { tab: NAMES.includes(hash) ? hash : "analyse" };
}

/** Wires clicks and keys. A chosen tab becomes the address; `hashchange` does the rest. */
export function startTabs() {
  for (const [position, name] of NAMES.entries()) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => { location.hash = name; });
    tab.addEventListener("keydown", (event) => {
      const last = NAMES.length - 1;
      const target = {
        ArrowRight: position === last ? 0 : position + 1,
        ArrowLeft: position === 0 ? last : position - 1,
        Home: 0,
        End: last,
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      location.hash = NAMES[target];
      selectTab(NAMES[target], { focus: true });
    });
  }
}
