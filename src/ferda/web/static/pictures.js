// Pictures: one card each, judged two at a time.

import { post } from "./api.js";
import { byId, h, say, takesDrops } from "./dom.js";
import { bars, boxes, title } from "./faces.js";
import { saveCsv, saveJson } from "./table.js";

const AT_ONCE = 2;
const cards = [];
const waiting = [];
let page;
let atWork = 0;

export function start(given) {
  page = given;
  byId("pictures-input").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = "";
  });
  takesDrops(byId("pictures-drop"), take);
  takesDrops(byId("pictures-list"), take);
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (files.length === 0) return;
    page.open("pictures");
    take(files);
  });
  byId("pictures-csv").addEventListener("click", () => saveCsv(rows(), "faces"));
  byId("pictures-json").addEventListener("click", () => saveJson(rows(), "faces"));
  byId("pictures-clear").addEventListener("click", clear);
  page.onModel(() => cards.forEach(judge));
}

function take(files) {
  for (const file of files) {
    const card = makeCard(file);
    cards.push(card);
    byId("pictures-list").prepend(card.element);
    judge(card);
  }
}

function makeCard(file) {
  const image = h("img", { alt: `Your picture ${file.name}` });
  image.src = URL.createObjectURL(file);
  const shown = h("div", { class: "shown" }, image);
  const side = h("div", { class: "faces" });
  const element = h("article", { class: "card" }, shown, side);
  image.addEventListener("error", () => shown.replaceChildren(h("p", { class: "hint" }, "This browser cannot show it.")));
  return { file, image, shown, side, element, rows: [], task: 0 };
}

function judge(card) {
  card.task += 1;
  card.rows = [];
  card.side.replaceChildren(h("h2", {}, card.file.name), h("p", { class: "hint" }, "Waiting for its turn …"));
  if (!waiting.includes(card)) waiting.push(card);
  next();
}

function next() {
  while (atWork < AT_ONCE && waiting.length > 0 && page.model) work(waiting.shift());
  showCount();
}

async function work(card) {
  const { task } = card;
  atWork += 1;
  card.side.querySelector(".hint").textContent = "Looking …";
  try {
    const answer = await post("/predict", { images: card.file, model: page.model.name });
    if (task === card.task) show(card, answer);
  } catch (failure) {
    if (task === card.task) fail(card, failure);
  } finally {
    atWork -= 1;
    next();
  }
}

async function show(card, answer) {
  card.rows = answer.rows;
  const faces = answer.rows.filter((row) => row.expression !== null);
  const [first] = answer.rows;
  card.side.replaceChildren(h("h2", {}, card.file.name));
  card.element.classList.toggle("without", faces.length === 0);
  card.shown.querySelectorAll("svg, .tag").forEach((old) => old.remove());
  if (faces.length === 0) {
    const words = first.note === "no face found" ? "No face was found." : `This file is not judged: ${first.note.replace("unreadable: ", "")}.`;
    card.side.append(h("p", { class: first.note === "no face found" ? "notice" : "notice bad" }, words));
  }
  const items = faces.map((row) => faceItem(card, row, faces.length));
  card.side.append(...items);
  say(`${card.file.name}: ${faces.length === 0 ? "no face" : faces.map((row) => row.expression).join(", ")}`);
  showCount();
  await card.image.decode().catch(() => undefined);
  if (card.image.naturalWidth === 0 || card.rows !== answer.rows) return;
  card.shown.append(...boxes(faces, card.image.naturalWidth, card.image.naturalHeight, { isSmall: card.image.clientWidth < 480 }));
  card.shown.querySelectorAll(".box").forEach((box) => {
    const light = (is) => () => mark(card, box.dataset.face, is);
    box.addEventListener("pointerenter", light(true));
    box.addEventListener("pointerleave", light(false));
  });
}

function faceItem(card, row, count) {
  const why = h("button", { type: "button", class: "small" }, "Why?");
  why.setAttribute("aria-label", `Why ${row.expression}? Show the places that spoke for it`);
  const element = h("section", { class: "face", "data-face": row.face_id }, h("div", { class: "face-top" }, title(row, count), why), bars(row, count > 3 ? 3 : Infinity));
  if (row.note === "whole picture") element.append(h("p", { class: "hint" }, "The whole picture was taken for a face."));
  why.addEventListener("click", () => explain(card, row, element, why));
  element.addEventListener("pointerenter", () => mark(card, row.face_id, true));
  element.addEventListener("pointerleave", () => mark(card, row.face_id, false));
  return element;
}

async function explain(card, row, element, button) {
  if (element.querySelector(".why")) {
    element.querySelector(".why").remove();
    return;
  }
  button.disabled = true;
  const place = h("div", { class: "why" }, h("p", { class: "hint" }, "Looking for the places …"));
  element.append(place);
  try {
    const { faces } = await post("/explain", { image: card.file, model: page.model.name });
    const found = faces.find((one) => one.face_id === row.face_id);
    const image = h("img", { alt: `The face in grey; ${found.reason}`, src: found.overlay });
    const words = h("div", {}, h("span", { class: "scale", "aria-hidden": "true" }), h("p", {}, `Grey: no evidence. From dark to yellow: what speaks for ${found.about}.`), h("p", {}, "It shows where the network looked, not what the face means."));
    place.replaceChildren(image, words);
    say(found.reason);
  } catch (failure) {
    place.replaceChildren(h("p", { class: "notice bad" }, failure.message));
  } finally {
    button.disabled = false;
  }
}

function mark(card, face, is) {
  card.element.querySelectorAll(`[data-face="${face}"]`).forEach((one) => one.classList.toggle("on", is));
}

function fail(card, failure) {
  const again = h("button", { type: "button", class: "small", onclick: () => judge(card) }, "Try again");
  card.side.replaceChildren(h("h2", {}, card.file.name), h("p", { class: "notice bad" }, failure.message), h("div", {}, again));
  say(`${card.file.name}: ${failure.message}`);
}

const rows = () => cards.flatMap((card) => card.rows);

function showCount() {
  const faces = rows().filter((row) => row.expression !== null).length;
  const pictures = cards.length;
  byId("pictures-bar").hidden = pictures === 0;
  const words = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;
  byId("pictures-count").textContent = `${words(faces, "face")} in ${words(pictures, "picture")}`;
  for (const id of ["pictures-csv", "pictures-json"]) byId(id).disabled = rows().length === 0;
}

function clear() {
  for (const card of cards) {
    card.task += 1;
    URL.revokeObjectURL(card.image.src);
    card.element.remove();
  }
  cards.length = waiting.length = 0;
  showCount();
  byId("pictures-input").focus();
  say("All pictures are gone from the page.");
}
