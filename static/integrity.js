// The Sign & verify tab.

import { postForm, refuseTooLarge } from "./api.js";
import { showProblem } from "./alert.js";
import { byId, copyButton, download, facts, fileName, h, icon, show } from "./dom.js";
import { dropZone } from "./drop.js";
import { bytes, localTime } from "./format.js";
import { strings } from "./strings.js";

const KEY_FILE = "framewitness-public.pem";

/** Wires both forms. `limits()` answers the published limits. */
export function startIntegrity({ limits }) {
  const say = (words) => { byId("integrity-status").textContent = words; };
  const sign = signForm(limits, say, (file, signature) => verify.take(file, signature));
  const verify = verifyForm(limits, say);
  return {
    takeToSign: (file) => { sign.take([file]); byId("sign-submit").focus(); },
    setHint: (text) => { sign.setHint(text); verify.setHint(text); },
  };
}

function signForm(limits, say, onVerify) {
  const submit = byId("sign-submit");
  const drop = dropZone(byId("sign-drop"), {
    prompt: strings.integrity.signPrompt, inputId: "sign-file",
    onFiles: () => { submit.disabled = false; show(byId("sign-result")); show(byId("sign-alert")); },
  });
  drop.setCompact(true);
  onSubmit("sign", drop, submit, async (file, report) => {
    refuseTooLarge(file, limits().maxBytes);
    const { json } = await postForm("integrity/sign", { file }, report);
    show(byId("sign-result"), signature(file, json, () => onVerify(file, json.signature_base64)));
    say(strings.integrity.saidSigned);
  });
  return drop;
}

function verifyForm(limits, say) {
  const submit = byId("verify-submit");
  const text = byId("verify-signature");
  const ready = () => {
    submit.disabled = drop.file() === null || text.value.trim() === "";
    show(byId("verify-result"));
    show(byId("verify-alert"));
  };
  const drop = dropZone(byId("verify-drop"), { prompt: strings.integrity.verifyPrompt, inputId: "verify-file", onFiles: () => ready() });
  drop.setCompact(true);
  text.addEventListener("input", ready);
  byId("signature-file").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (!file) return;
    text.value = await signatureFrom(file);
    event.target.value = "";
    ready();
  });
  onSubmit("verify", drop, submit, async (file, report) => {
    refuseTooLarge(file, limits().maxBytes);
    const fields = { signature_base64: text.value.replace(/\s+/g, ""), file };
    const { json } = await postForm("integrity/verify", fields, report);
    show(byId("verify-result"), verification(file, json));
    say(json.valid ? strings.integrity.saidValid : strings.integrity.saidInvalid);
  });
  return {
    setHint: drop.setHint,
    take(file, base64) {
      text.value = base64;
      drop.take([file]);
      submit.focus();
    },
  };
}

/** The shared course of both forms: progress while it runs, a problem if it fails, the form usable after. */
function onSubmit(name, drop, submit, work) {
  const progress = byId(`${name}-progress`);
  const run = async () => {
    const file = drop.file();
    if (file === null || drop.running) return;
    drop.running = true;
    submit.disabled = true;
    show(byId(`${name}-alert`));
    show(byId(`${name}-result`));
    const report = {
      onProgress: ({ sent, total }) => { progress.textContent = strings.integrity.sent(bytes(sent), bytes(total)); },
      onSent: () => { progress.textContent = strings.integrity.waiting; },
    };
    try {
      await work(file, report);
    } catch (problem) {
      showProblem(byId(`${name}-alert`), problem, run);
    } finally {
      drop.running = false;
      submit.disabled = false;
      progress.textContent = "";
    }
  };
  byId(`${name}-form`).addEventListener("submit", (event) => { event.preventDefault(); run(); });
}

function signature(file, json, onVerify) {
  const base64 = String(json.signature_base64 ?? "");
  const stem = plainName(file.name);
  return h("div", { class: "outcome" },
    h("h4", {}, icon("valid"), strings.integrity.signed),
    facts([
      [strings.integrity.file, fileName(json.video_filename ?? file.name)],
      ["SHA-256", h("code", { class: "digest" }, String(json.sha256_hex ?? ""))],
      [strings.integrity.signedAt, localTime(json.signed_at)],
      [strings.integrity.key, json.key_id && h("code", { class: "digest" }, String(json.key_id))],
    ]),
    h("div", {},
      h("label", { class: "field-label", for: "signature-text" }, strings.integrity.signature),
      h("textarea", { id: "signature-text", readonly: true, rows: "4", spellcheck: "false" }, base64)),
    h("div", { class: "actions" },
      copyButton(strings.integrity.copySignature, () => base64),
      saveButton(strings.integrity.downloadSig, () => download(`${stem}.sig`, "application/octet-stream", bytesOf(base64))),
      saveButton(strings.integrity.downloadStatement, () => download(`${stem}.signed.json`, "application/json", JSON.stringify(json, null, 2) + "\n")),
      h("button", { type: "button", class: "button small-button", id: "verify-this", on: { click: onVerify } }, strings.integrity.verifyHere)),
    opensslHelp(file.name, stem));
}

const saveButton = (label, onClick) => h("button", { type: "button", class: "button small-button", on: { click: onClick } }, label);

/** The line that checks the signature without this service. */
function opensslHelp(name, stem) {
  const line = `openssl dgst -sha256 -verify ${KEY_FILE} -signature ${shellQuoted(`${stem}.sig`)} ${shellQuoted(name)}`;
  return h("div", { class: "openssl" },
    h("p", { class: "small" }, strings.integrity.openssl(
      h("a", { href: "integrity/public-key?format=pem", download: KEY_FILE }, strings.integrity.publicKey), h("code", {}, ".sig"))),
    h("pre", { tabindex: "0" }, h("code", { id: "openssl-line" }, line)),
    h("div", { class: "actions" }, copyButton(strings.integrity.copyLine, () => line), h("span", { class: "muted small" }, strings.integrity.prints)));
}

function verification(file, json) {
  const valid = json.valid === true;
  return h("div", { class: `outcome ${valid ? "good" : "bad"}`, role: "status" },
    h("h4", { id: "verify-outcome" }, icon(valid ? "valid" : "invalid"), valid ? strings.integrity.valid : strings.integrity.invalid),
    h("p", {}, valid ? strings.integrity.validText : strings.integrity.invalidText),
    json.error && h("p", { class: "advice" }, String(json.error)),
    facts([
      [strings.integrity.file, fileName(json.video_filename ?? file.name)],
      ["SHA-256", json.sha256_hex && h("code", { class: "digest" }, String(json.sha256_hex))],
      [strings.integrity.checkedAt, json.verified_at && localTime(json.verified_at)],
    ]));
}

/** Reads a signature in any form this page hands out: raw bytes, base64 text, or the JSON statement. */
async function signatureFrom(file) {
  const raw = new Uint8Array(await file.slice(0, 65_536).arrayBuffer());
  const words = new TextDecoder().decode(raw).trim();
  try {
    const json = JSON.parse(words);
    if (typeof json.signature_base64 === "string") return json.signature_base64;
  } catch { /* not the statement */ }
  if (/^[A-Za-z0-9+/=\s]+$/.test(words)) return words;
  return btoa(String.fromCharCode(...raw.subarray(0, 4096)));
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** A name safe to save under: letters, digits, dot, dash, underscore. */
const plainName = (name) => name.replace(/[^\w.-]+/g, "_").replace(/^[.-]+/, "").slice(0, 100) || "file";

/** Quotes for a POSIX shell, whatever the name holds; a leading dash must not become an option. */
function shellQuoted(name) {
  const safe = name.startsWith("-") ? `./${name}` : name;
  if (/^[\w./-]+$/.test(safe)) return safe;
  // Line breaks and direction overrides would disguise what is pasted into a terminal.
  if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(safe)) return "FILE";
  return `'${safe.replaceAll("'", "'\\''")}'`;
}
