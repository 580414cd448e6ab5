// A video: sent as a job, shown as lanes over time beside the film.

import { json } from "./api.js";
import { byId, h, megabytes, takesDrops } from "./dom.js";
import { paint } from "./faces.js";
import { run, shows } from "./jobs.js";
import { saveCsv, saveJson } from "./table.js";
import { timeline } from "./timeline.js";

let page;
let chosen = null;
let film = null;

export function start(given) {
  page = given;
  shows("video", async (job) => {
    page.open("video");
    show(job, await json(job.result), null);
  });
  byId("video-input").addEventListener("change", (event) => choose(event.target.files[0]));
  takesDrops(byId("video-drop"), ([file]) => choose(file));
  byId("video-form").addEventListener("submit", send);
}

function choose(file) {
  if (!file) return;
  chosen = file;
  const problem = page.tooMuch([file], "video_bytes");
  byId("video-chosen").textContent = problem || `${file.name}, ${megabytes(file.size)}`;
  byId("video-send").disabled = problem !== "";
}

async function send(event) {
  event.preventDefault();
  const file = chosen;
  byId("video-send").disabled = true;
  byId("video-result").replaceChildren();
  const job = await run(byId("video-job"), "/video", { model: page.model?.name, step: byId("video-step").value, video: file });
  byId("video-send").disabled = false;
  if (job) show(job, await json(job.result), file);
}

function show(job, found, file) {
  if (film) URL.revokeObjectURL(film.src);
  const place = byId("video-result");
  const player = file ? makePlayer(file, found.rows) : null;
  const name = job.name.replace(/\.[^.]*$/, "") || "video";
  const times = found.rows.filter((row) => row.time_s !== null);
  const seek = (time) => {
    if (film) film.currentTime = time;
  };
  const drawn = timeline(times, found.classes, seek);
  if (film && file) film.addEventListener("timeupdate", () => drawn.at(film.currentTime));
  const broken = found.rows.filter((row) => row.note?.startsWith("unreadable")).map((row) => h("p", { class: "notice bad" }, row.note));
  place.replaceChildren(
    h(
      "div",
      { class: "panel" },
      h(
        "div",
        { class: "bar" },
        h("h2", {}, job.name),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", onclick: () => saveCsv(found.rows, name) }, "Table as CSV"),
          h("button", { type: "button", onclick: () => saveJson(found.rows, name) }, "as JSON"),
        ),
      ),
      broken,
      player ? [player] : [],
      drawn.element,
    ),
  );
}

function makePlayer(file, rows) {
  const frames = byFrame(rows);
  film = h("video", { controls: true, playsinline: true, muted: true, "aria-label": `The film ${file.name}` });
  film.src = URL.createObjectURL(file);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const player = h("div", { class: "player" }, film, canvas);
  const own = film;
  const draw = () => {
    if (own.videoWidth) paint(canvas, near(frames, own.currentTime), { width: own.videoWidth, height: own.videoHeight });
    if (own.isConnected && !own.paused) requestAnimationFrame(draw);
  };
  for (const kind of ["play", "seeked", "loadeddata"]) own.addEventListener(kind, draw);
  own.addEventListener("error", () => player.replaceWith(h("p", { class: "hint" }, "This browser cannot play the film; the table is right all the same.")));
  return player;
}

function byFrame(rows) {
  const frames = new Map();
  for (const row of rows.filter((one) => one.time_s !== null)) {
    if (!frames.has(row.time_s)) frames.set(row.time_s, []);
    frames.get(row.time_s).push(row);
  }
  return [...frames].sort((a, b) => a[0] - b[0]);
}

/** The rows of the last frame that was judged before a time. */
function near(frames, time) {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle][0] <= time + 0.02) low = middle + 1;
    else high = middle;
  }
  return low ? frames[low - 1][1] : [];
}
