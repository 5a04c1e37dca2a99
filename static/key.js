// The API key, where the service asks for one. It is kept for this tab only and gone with it.

import { byId } from "./dom.js";
import { strings } from "./strings.js";

const STORED = "framewitness-key";
let key = sessionStorage.getItem(STORED) ?? "";

/** What a request has to say of who asks. */
export function keyHeaders() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Whether requests carry a key, so that plain links and pictures would not be let in. */
export const hasKey = () => key !== "";

/** Asks for a key: there is none, or it is no good here. */
export function askForKey() {
  byId("key-words").textContent = key ? strings.key.refused : strings.key.wanted;
  byId("key-form").hidden = false;
}

/** Wires the form; `onChange` runs when another key counts. */
export function startKey(onChange) {
  const form = byId("key-form");
  const use = (value) => {
    key = value;
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
    byId("key-value").value = "";
    byId("key-forget").hidden = !key;
    form.hidden = key !== "";
    onChange();
  };
  byId("key-forget").hidden = !key;
  byId("key-forget").addEventListener("click", () => use(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = byId("key-value").value.trim();
    if (value) use(value);
  });
}

/** What lies at `url`, for whoever has a key; fails with a sentence. */
export async function fetchWithKey(url) {
  const response = await fetch(url, { headers: keyHeaders() });
  if (!response.ok) throw new Error(strings.key.status(response.status));
  return response.blob();
}

/** Has `image` show what lies at `url`; fails like any picture. Without a key the browser does it. */
export async function showPicture(image, url) {
  image.dataset.url = url;
  if (!hasKey()) {
    image.src = url;
    return;
  }
  try {
    const blob = await fetchWithKey(url);
    // Another picture may have been chosen meanwhile.
    if (image.dataset.url !== url) return;
    const local = URL.createObjectURL(blob);
    image.addEventListener("load", () => URL.revokeObjectURL(local), { once: true });
    image.src = local;
  } catch {
    if (image.dataset.url === url) image.dispatchEvent(new Event("error"));
  }
}
