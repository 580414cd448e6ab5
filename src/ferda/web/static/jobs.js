// Jobs: sent with progress, followed to their end, listed, cancelled, removed.

import { ask, json, upload } from "./api.js";
import { byId, h, say } from "./dom.js";

const EVERY_MS = 800;
const KINDS = { video: "Video", adapt: "Adaptation" };
const STATES = { queued: "waits", running: "at work", done: "done", failed: "failed", cancelled: "cancelled" };
const viewers = {};
let page;

/** Tell who shows the result of a kind of job. */
export const shows = (kind, viewer) => (viewers[kind] = viewer);

export function start(given) {
  page = given;
  document.addEventListener("ferda:tab", (event) => {
    if (event.detail === "jobs") list();
  });
}

/** Send files, then follow the job; resolves with the job when it is done, with null when it was cancelled. */
export async function run(place, path, fields) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const words = h("p", {}, "Sending …");
  const stop = h("button", { type: "button", class: "small" }, "Cancel");
  place.replaceChildren(h("div", { class: "panel progress" }, words, bar, h("div", {}, stop)));
  let job = null;
  try {
    const sending = upload(path, fields, (done, total) => (bar.value = done / total));
    stop.onclick = sending.stop;
    job = await sending.done;
    stop.onclick = () => ask(`/jobs/${job.id}`, { method: "DELETE" });
    return await follow(job, place, bar, words);
  } catch (failure) {
    const isStopped = failure.name === "AbortError";
    place.replaceChildren(h("p", { class: isStopped ? "notice" : "notice bad" }, isStopped ? "Cancelled." : failure.message));
    say(isStopped ? "Cancelled." : failure.message);
    return null;
  }
}

async function follow(first, place, bar, words) {
  let job = first;
  let failures = 0;
  while (job.state === "queued" || job.state === "running") {
    words.textContent = progressWords(job);
    if (job.state === "running" && job.total > 0 && job.done < job.total) bar.value = job.done / job.total;
    else bar.removeAttribute("value");
    await new Promise((done) => setTimeout(done, EVERY_MS));
    try {
      job = await json(`/jobs/${first.id}`);
      failures = 0;
    } catch (failure) {
      // a service that is started again goes on with the job
      failures += 1;
      if (failure.status || failures > 60) throw failure;
      words.textContent = "The service does not answer; waiting for it …";
    }
  }
  if (job.state === "failed") throw new Error(job.error);
  place.replaceChildren(...(job.state === "cancelled" ? [h("p", { class: "notice" }, "Cancelled; what was sent is deleted.")] : []));
  say(`${KINDS[job.kind]}: ${STATES[job.state]}`);
  return job.state === "done" ? job : null;
}

function progressWords(job) {
  if (job.state === "queued") return "Waiting for its turn. You may close the page; the job is kept.";
  if (job.total === 0) return "At work …";
  if (job.done >= job.total) return "At work on the last part …";
  return `${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")} ${job.kind === "video" ? "frames" : "pictures"}`;
}

async function list() {
  const place = byId("jobs-list");
  try {
    const { jobs } = await json("/jobs");
    if (jobs.length === 0) place.replaceChildren(h("div", { class: "panel" }, h("p", {}, "There are no jobs yet. Videos and adaptations appear here.")));
    else place.replaceChildren(h("div", { class: "panel scroll" }, jobTable(jobs)));
    if (jobs.some((job) => job.state === "queued" || job.state === "running")) again();
  } catch (failure) {
    place.replaceChildren(h("p", { class: "notice bad" }, failure.message));
  }
}

function again() {
  setTimeout(() => {
    const inside = byId("jobs-list").contains(document.activeElement);
    if (!byId("jobs").hidden && !inside) list();
    else if (inside) again();
  }, 2 * EVERY_MS);
}

function jobTable(jobs) {
  const heads = ["Job", "Model", "State", "Asked for", ""].map((name) => h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "What to do")));
  return h("table", { class: "jobs" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, jobs.map(jobRow)));
}

function jobRow(job) {
  const isOver = !["queued", "running"].includes(job.state);
  const about = `${KINDS[job.kind]} ${job.name}`;
  const drop = h("button", { type: "button", class: "small", "aria-label": `${isOver ? "Remove" : "Cancel"}: ${about}` }, isOver ? "Remove" : "Cancel");
  drop.addEventListener("click", async () => {
    drop.disabled = true;
    await ask(`/jobs/${job.id}`, { method: "DELETE" }).catch((failure) => say(failure.message));
    say(`${about}: ${isOver ? "removed" : "cancelled"}`);
    drop.blur();
    if (job.kind === "adapt") await page.refreshModels();
    list();
  });
  const open = h("button", { type: "button", class: "small", "aria-label": `Open: ${about}`, onclick: () => viewers[job.kind](job) }, "Open");
  const state = job.state === "running" && job.total ? `${STATES.running}: ${job.done} of ${job.total}` : STATES[job.state];
  return h(
    "tr",
    {},
    h("td", {}, h("strong", {}, KINDS[job.kind]), h("br"), job.name),
    h("td", {}, job.model),
    h("td", {}, state, job.error ? h("p", { class: "hint" }, job.error) : null),
    h("td", {}, new Date(job.created).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })),
    h("td", {}, h("div", { class: "buttons" }, job.state === "done" ? open : null, drop)),
  );
}
