// The prediction table as a file.

import { download } from "./dom.js";

function cell(value) {
  if (value === null || value === undefined) return "";
  // a spreadsheet would take a name that begins like this for a formula
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "picture");
  return [names.join(","), ...rows.map((row) => names.map((name) => cell(row[name])).join(","))].join("\n") + "\n";
}

export const saveCsv = (rows, name) => download(`${name}.csv`, "text/csv", csv(rows));
export const saveJson = (value, name) => download(`${name}.json`, "application/json", JSON.stringify(value, null, 1));
