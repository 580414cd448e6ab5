// The page as a whole: colours, tabs, the model, and what belongs to all parts.

import { enter, json } from "./api.js";
import { start as startAdapt } from "./adapt.js";
import { start as startCamera } from "./camera.js";
import { byId, h, megabytes, say, svg } from "./dom.js";
import { start as startJobs } from "./jobs.js";
import { start as startPictures } from "./pictures.js";
import { start as startVideo } from "./video.js";

const TABS = ["pictures", "camera", "video", "adapt", "jobs"];
const listeners = new Set();
let models = [];
let limits = {};

export const page = {
  get model() {
    return models.find((one) => one.name === byId("model").value);
  },
  /** Why files are more than the service takes; an empty word if they are not. */
  tooMuch(files, mostBytes, most = Infinity) {
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    if (bytes > limits[mostBytes]) return `That is more than the ${megabytes(limits[mostBytes])} that this service takes.`;
    return files.length > limits[most] ? `That is more than the ${limits[most]} pictures that this service takes.` : "";
  },
  onModel: (listener) => listeners.add(listener),
  open: select,
  refreshModels,
  chooseModel(name) {
    byId("model").value = name;
    modelChanged();
  },
};

function select(name, { focus = false } = {}) {
  for (const one of TABS) {
    const tab = byId(`tab-${one}`);
    const is = one === name;
    tab.setAttribute("aria-selected", is);
    tab.tabIndex = is ? 0 : -1;
    byId(one).hidden = !is;
    if (is && focus) tab.focus();
    if (is) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  history.replaceState(null, "", `#/${name}`); // not the id of a panel, to which the browser would scroll
  document.dispatchEvent(new CustomEvent("ferda:tab", { detail: name }));
}

function startTabs() {
  for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => select(name));
  document.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
    const now = TABS.indexOf(document.activeElement.id.replace("tab-", ""));
    const last = TABS.length - 1;
    const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
    if (now < 0 || next === undefined) return;
    event.preventDefault();
    select(TABS[next], { focus: true });
  });
}

function startTheme() {
  const button = byId("theme");
  const order = ["system", "light", "dark"];
  const icons = {
    system: [["circle", { cx: 10, cy: 10, r: 7, fill: "none" }], ["path", { d: "M10 3a7 7 0 0 1 0 14z" }]],
    light: [["circle", { cx: 10, cy: 10, r: 3.6 }], ["path", { d: "M10 1.5v2.6M10 15.9v2.6M1.5 10h2.6M15.9 10h2.6M4 4l1.8 1.8M14.2 14.2 16 16M16 4l-1.8 1.8M5.8 14.2 4 16" }]],
    dark: [["path", { d: "M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z" }]],
  };
  const show = () => {
    const now = document.documentElement.dataset.theme ?? "system";
    const drawn = icons[now].map(([name, attributes]) => svg(name, attributes));
    button.replaceChildren(svg("svg", { viewBox: "0 0 20 20", width: 20, height: 20, fill: "currentColor", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round", "aria-hidden": "true" }, drawn));
    const words = `Colours: ${now === "system" ? "as the system" : now}`;
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "system") + 1) % 3];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("ferda-theme", next);
    } catch {
      // forgotten when the page is closed
    }
    show();
    say(button.title);
  });
  show();
}

function showPrivacy() {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const where = isHere
    ? "Your pictures stay on this machine."
    : `Your pictures go to ${location.hostname} and nowhere else.`;
  const lock = svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, fill: "currentColor", "aria-hidden": "true" });
  lock.append(svg("path", { d: "M8 1a3.5 3.5 0 0 0-3.5 3.5V7H4a1.5 1.5 0 0 0-1.5 1.5v5A1.5 1.5 0 0 0 4 15h8a1.5 1.5 0 0 0 1.5-1.5v-5A1.5 1.5 0 0 0 12 7h-.5V4.5A3.5 3.5 0 0 0 8 1zm2 6H6V4.5a2 2 0 1 1 4 0z" }));
  byId("privacy").append(lock, h("span", {}, `${where} They are judged and forgotten; the files of a job are deleted when it ends.`));
}

async function refreshModels() {
  const chosen = byId("model").value;
  ({ models, limits } = await json("/models"));
  byId("model").replaceChildren(...models.map((one) => h("option", { value: one.name }, one.name)));
  byId("model").disabled = false;
  if (models.some((one) => one.name === chosen)) byId("model").value = chosen;
  modelChanged();
}

function modelChanged() {
  const model = page.model;
  const facts = [
    ["answers", model.classes.join(", ")],
    ["method", model.method],
    ["learned from", model.trained_on.join(", ")],
    ["adapted to", model.adapted_to],
    ["sees", model.input_pixels && `${model.input_pixels} × ${model.input_pixels} pixels, ${model.finds_faces ? "faces that it finds" : "whole pictures"}`],
    ["chosen by", model.selected_by],
  ].filter(([, value]) => value);
  byId("model-facts").replaceChildren(
    h("h3", {}, `The model “${model.name}”`),
    h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  );
  byId("finds-faces").textContent = model.finds_faces
    ? "Every face in a picture is found and judged."
    : "This model takes every picture for one face; cut faces out first.";
  for (const listener of listeners) listener(model);
}

async function open() {
  startTheme();
  startTabs();
  showPrivacy();
  byId("model").addEventListener("change", () => {
    modelChanged();
    say(`Model ${page.model.name}`);
  });
  // what is dropped beside its place must not replace the page
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  for (const start of [startPictures, startCamera, startVideo, startAdapt, startJobs]) start(page);
  const wanted = location.hash.slice(2);
  if (TABS.includes(wanted)) select(wanted);
  try {
    await enter();
    await refreshModels();
  } catch (failure) {
    byId("work").prepend(h("p", { class: "notice bad", role: "alert" }, failure.message));
  }
}

open();
