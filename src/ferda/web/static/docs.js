// The doors of the service as its own description tells them.

import { byId, h } from "./dom.js";

function words(schema) {
  if (schema.anyOf) return words(schema.anyOf.find((one) => one.type !== "null"));
  if (schema.format === "binary") return "a file";
  if (schema.type === "array") return "one or more files";
  if (schema.enum) return schema.enum.join(" or ");
  return schema.type;
}

function fields(door) {
  const schema = door.requestBody?.content["multipart/form-data"].schema;
  const form = Object.entries(schema?.properties ?? {}).map(([name, one]) => [name, words(one), schema.required.includes(name)]);
  const query = (door.parameters ?? []).filter((one) => one.in === "query").map((one) => [`?${one.name}=`, words(one.schema), one.required]);
  return [...form, ...query].flatMap(([name, kind, isNeeded]) => [h("dt", {}, h("code", {}, name)), h("dd", {}, isNeeded ? `${kind}, needed` : kind)]);
}

const description = await (await fetch("/openapi.json")).json();
const doors = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, door]) => {
    const codes = Object.keys(door.responses).join(", ");
    return h("section", { class: "door" }, h("h2", {}, h("b", {}, method.toUpperCase()), ` ${path}`), h("p", {}, `${door.summary}.`), h("dl", { class: "facts" }, fields(door), h("dt", {}, "answers"), h("dd", {}, codes)));
  }),
);
byId("doors").replaceChildren(...doors);
