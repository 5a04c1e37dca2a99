// What the file's content credentials say: apart from the verdict, in the file's own name.

import { facts, h } from "./dom.js";
import { strings } from "./strings.js";

/** A card, or nothing where nobody looked. `card` is (title, body, aside). */
export function credentialsCard({ credentials }, card) {
  if (credentials === null) return false;
  const { state, message, hasClaims } = credentials;
  const body = h("div", { id: "credentials", "data-state": state },
    h("p", {}, h("strong", {}, strings.credentials.states[state] ?? state), ` · ${message}`), hasClaims && claims(credentials));
  return card(strings.credentials.heading, body, strings.credentials.aside);
}

function claims({ title, generator, signature, actions, ingredients, failures }) {
  const program = generator && [generator.name, generator.version].filter(Boolean).join(" ");
  const rows = [[strings.credentials.title, title], [strings.credentials.generator, program], [strings.credentials.issuer, signature.issuer], [strings.credentials.name, signature.common_name], [strings.credentials.time, signature.time]];
  return [
    facts(rows.map(([term, value]) => [term, value && h("bdi", {}, value)])),
    told(strings.credentials.actions, actions.map(({ name, agent, source, when }) => [name, agent, source, when])),
    told(strings.credentials.ingredients, ingredients.map(({ title: name, format, relationship }) => [name ?? strings.credentials.untitled, format, relationship])),
    told(strings.credentials.failures, failures.map(({ code, explanation }) => [code, explanation])),
  ].flat();
}

/** A heading and its list; nothing where there is nothing to tell. */
function told(words, items) {
  if (items.length === 0) return [];
  return [h("h4", {}, words), h("ul", { class: "reasons" }, items.map((parts) => h("li", {}, h("bdi", {}, parts.filter(Boolean).join(" · ")))))];
}
