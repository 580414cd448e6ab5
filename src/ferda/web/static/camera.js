// The camera: one frame at a time is asked about, and never more than a few a second.

import { post } from "./api.js";
import { byId, h, percent, say } from "./dom.js";
import { bars, paint, title } from "./faces.js";

const WIDTH = 640;
const PAUSE_MS = 200;
const SAY_MS = 4000;
const still = document.createElement("canvas");
let page;
let stream = null;
let said = { words: "", at: 0 };

export function start(given) {
  page = given;
  byId("camera-start").addEventListener("click", open);
  byId("camera-stop").addEventListener("click", close);
  document.addEventListener("ferda:tab", (event) => {
    if (event.detail !== "camera") close();
  });
}

async function open() {
  if (!navigator.mediaDevices) {
    status("This browser gives the camera only to pages at localhost or over https.", true);
    return;
  }
  byId("camera-start").disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" }, audio: false });
  } catch (failure) {
    const denied = failure.name === "NotAllowedError";
    status(denied ? "The camera was not allowed; the browser's address bar can change that." : "No camera was found, or another program uses it.", true);
    return;
  } finally {
    byId("camera-start").disabled = false;
  }
  stream.getVideoTracks()[0].addEventListener("ended", close);
  const video = byId("camera-video");
  video.srcObject = stream;
  await video.play();
  byId("camera-stage").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  running(true);
  status("");
  byId("camera-stop").focus();
  watch(stream);
}

function close() {
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = null;
  byId("camera-video").srcObject = null;
  paint(byId("camera-canvas"), [], { width: 4, height: 3 });
  byId("camera-faces").replaceChildren();
  running(false);
  status("");
  say("The camera is off.");
}

function running(is) {
  byId("camera-start").hidden = is;
  byId("camera-stop").hidden = !is;
  byId("camera-placeholder").hidden = is;
}

async function watch(own) {
  while (stream === own) {
    const began = performance.now();
    if (!document.hidden && page.model) await look(own);
    const rest = PAUSE_MS - (performance.now() - began);
    await pause(Math.max(rest, 30));
  }
}

async function look(own) {
  const video = byId("camera-video");
  still.width = Math.min(WIDTH, video.videoWidth);
  still.height = Math.round((still.width * video.videoHeight) / video.videoWidth);
  still.getContext("2d").drawImage(video, 0, 0, still.width, still.height);
  const frame = await new Promise((done) => still.toBlob(done, "image/jpeg", 0.88));
  if (!frame) return;
  try {
    const began = performance.now();
    const { rows } = await post("/predict", { images: frame, model: page.model.name });
    if (stream !== own) return;
    show(rows, performance.now() - began);
  } catch (failure) {
    if (stream !== own) return;
    status(failure.message, true);
    await pause(1000 * Math.max(1, failure.retry || 0));
  }
}

function show(rows, took) {
  const faces = rows.filter((row) => row.expression !== null);
  paint(byId("camera-canvas"), faces, still, { mirrored: true });
  status(faces.length === 0 ? "No face is seen." : `An answer takes ${Math.round(took)} ms.`);
  const shown = faces.slice(0, 3).map((row) => h("section", { class: "face" }, h("div", { class: "face-top" }, title(row, faces.length)), bars(row, faces.length > 1 ? 3 : Infinity)));
  if (faces.length > 3) shown.push(h("p", { class: "hint" }, `and ${faces.length - 3} more`));
  byId("camera-faces").replaceChildren(h("div", { class: "faces" }, shown));
  const words = faces.length === 0 ? "no face" : faces.map((row) => row.expression).join(", ");
  if (words !== said.words && performance.now() - said.at > SAY_MS) {
    said = { words, at: performance.now() };
    say(faces.length === 1 ? `${words}, ${percent(faces[0].confidence)}` : words);
  }
}

function status(words, bad = false) {
  const line = byId("camera-status");
  line.hidden = words === "";
  line.textContent = words;
  line.classList.toggle("bad", bad);
  if (bad) say(words);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
