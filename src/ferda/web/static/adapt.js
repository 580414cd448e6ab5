// Adapt to a folder: its pictures are sent as a job, and what changed is shown beside the old model.

import { json } from "./api.js";
import { byId, h, megabytes, percent } from "./dom.js";
import { run, shows } from "./jobs.js";

let page;
let files = [];

export function start(given) {
  page = given;
  shows("adapt", async (job) => {
    page.open("adapt");
    show(job, await json(job.result));
  });
  byId("adapt-input").addEventListener("change", (event) => choose([...event.target.files]));
  byId("adapt-form").addEventListener("submit", send);
}

function choose(all) {
  files = all.filter((file) => file.type.startsWith("image/"));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const left = all.length - files.length;
  const problem = page.tooMuch(files, "folder_bytes", "folder_pictures");
  const others = left ? `; ${left} other files are left out` : "";
  const words = files.length ? `${files.length} pictures, ${megabytes(bytes)}${others}. ${problem}` : "There is no picture in this folder.";
  byId("adapt-chosen").textContent = words;
  byId("adapt-send").disabled = files.length === 0 || problem !== "";
}

async function send(event) {
  event.preventDefault();
  byId("adapt-send").disabled = true;
  byId("adapt-result").replaceChildren();
  const method = byId("adapt-method").value;
  const job = await run(byId("adapt-job"), "/adapt", { model: page.model?.name, method, images: files });
  byId("adapt-send").disabled = false;
  if (!job) return;
  await page.refreshModels();
  show(job, await json(job.result));
}

function show(job, found) {
  const use = h("button", { type: "button", class: "main" }, "Use the new model");
  use.addEventListener("click", () => {
    page.chooseModel(found.model);
    page.open("pictures", { focus: true });
  });
  const frame = h("iframe", { class: "report", sandbox: "", title: "The report of the adaptation", src: job.report });
  byId("adapt-result").replaceChildren(
    h(
      "div",
      { class: "panel" },
      h("h2", {}, found.kept_old ? "The old model is kept" : "There is a new model"),
      found.sentences.map((sentence) => h("p", {}, sentence)),
      h("p", { class: "hint" }, "Your pictures are deleted from the service."),
      found.kept_old ? null : h("div", { class: "buttons" }, use),
      numbers(found),
      h("h3", {}, "The report"),
      frame,
      h("p", {}, h("a", { href: job.report, target: "_blank", rel: "noopener" }, "Open the report in a tab of its own")),
    ),
  );
}

function numbers({ before, after }) {
  const words = (value) => (value === undefined ? "" : value >= 0 && value <= 1 ? percent(value) : String(Math.round(100 * value) / 100));
  const name = (key) => key.replace(/^share_/, "answers: ").replaceAll("_", " ");
  const rows = Object.keys({ ...before, ...after }).map((key) =>
    h("tr", {}, h("th", { scope: "row" }, name(key)), h("td", { class: "number" }, key === "classes_in_use" ? String(before[key]) : words(before[key])), h("td", { class: "number" }, key === "classes_in_use" ? String(after[key]) : words(after[key]))),
  );
  const head = ["", "before", "after"].map((one, place) => h("th", { scope: "col", class: place > 0 && "number" }, one || h("span", { class: "unseen" }, "Measure")));
  return h(
    "details",
    {},
    h("summary", {}, "Before and after in numbers"),
    h("div", { class: "scroll" }, h("table", {}, h("caption", {}, "On faces that the adaptation did not see"), h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows))),
  );
}
