// Expressions over time: a lane for each face, its classes stacked to 100 %, and the same as a table.

import { clock, h, percent, svg } from "./dom.js";
import { colour } from "./faces.js";

const MOST_LANES = 6;
const MOST_POINTS = 600;
const [WIDTH, HEIGHT] = [1000, 100];

/** Draw rows; `seek` is told which time was clicked. Returns the element, and `at` to move the cursor. */
export function timeline(rows, classes, seek) {
  const faces = new Map();
  for (const row of rows.filter((one) => one.expression !== null)) {
    if (!faces.has(row.face_id)) faces.set(row.face_id, []);
    faces.get(row.face_id).push(row);
  }
  const end = Math.max(0.001, ...lastOf(rows));
  const lanes = [...faces].sort((a, b) => b[1].length - a[1].length);
  if (lanes.length === 0) return { element: h("p", { class: "notice" }, "No face was found in this video."), at: () => undefined };
  const cursors = [];
  const drawn = lanes.slice(0, MOST_LANES).map(([face, own]) => lane(face, own, classes, end, seek, cursors));
  const rest = lanes.length - MOST_LANES;
  const element = h(
    "div",
    {},
    legend(classes),
    drawn,
    rest > 0 ? h("p", { class: "hint" }, `${rest} more faces were seen more briefly; they are in the table.`) : null,
    table(lanes),
  );
  return { element, at: (time) => cursors.forEach((line) => line.setAttribute("transform", `translate(${(WIDTH * time) / end} 0)`)) };
}

const lastOf = (rows) => (rows.length ? [rows.reduce((most, row) => Math.max(most, row.time_s), 0)] : []);

function legend(classes) {
  const items = classes.map((name) => {
    const patch = h("i", { "aria-hidden": "true" });
    patch.style.background = colour(name);
    return h("li", {}, patch, name);
  });
  return h("ul", { class: "legend", "aria-label": "Colours" }, items);
}

function lane(face, rows, classes, end, seek, cursors) {
  const counts = new Map();
  for (const row of rows) counts.set(row.expression, (counts.get(row.expression) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  const words = `mostly ${most[0]}, ${percent(most[1] / rows.length)} of ${rows.length} frames`;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `Face ${face + 1} over time: ${words}` });
  const gap = Math.max(3 * typicalStep(rows), 0.2);
  for (const part of parts(rows, gap)) drawing.append(...areas(thinned(part), classes, end));
  const cursor = svg("line", { class: "cursor", x1: 0, x2: 0, y1: 0, y2: HEIGHT });
  cursors.push(cursor);
  drawing.append(cursor);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    seek((end * (event.clientX - box.left)) / box.width);
  });
  return h(
    "div",
    { class: "lane" },
    h("h3", {}, `Face ${face + 1}`, h("span", {}, words)),
    drawing,
    h("div", { class: "axis", "aria-hidden": "true" }, h("span", {}, clock(0)), h("span", {}, clock(end / 2)), h("span", {}, clock(end))),
  );
}

function typicalStep(rows) {
  const steps = rows.slice(1).map((row, place) => row.time_s - rows[place].time_s).sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0.2;
}

/** Rows cut where the face was away. */
function parts(rows, gap) {
  const found = [];
  for (const row of rows) {
    const last = found.at(-1)?.at(-1);
    if (last && row.time_s - last.time_s <= gap) found.at(-1).push(row);
    else found.push([row]);
  }
  return found;
}

function thinned(rows) {
  const every = Math.ceil(rows.length / MOST_POINTS);
  return rows.filter((_, place) => place % every === 0 || place === rows.length - 1);
}

function areas(rows, classes, end) {
  const place = (row) => (WIDTH * row.time_s) / end;
  let floor = rows.map(() => 0);
  return classes.map((name) => {
    const top = rows.map((row, number) => floor[number] + row[`p_${name}`]);
    const point = (level) => (row, number) => `${place(row).toFixed(1)},${(HEIGHT * (1 - level[number])).toFixed(2)}`;
    const back = rows.map(point(floor)).reverse();
    const points = [...rows.map(point(top)), ...back];
    if (rows.length === 1) points.push(...points.map((one) => one.replace(/^[\d.]+/, (x) => Number(x) + 3)).reverse());
    floor = top;
    const area = svg("polygon", { points: points.join(" ") });
    area.style.fill = colour(name);
    return area;
  });
}

/** The same in words: from when to when which expression was the most probable. */
function table(lanes) {
  const rows = lanes.flatMap(([face, own]) => stretches(own).map((one) => [face, one]));
  const shown = rows.slice(0, 400);
  const body = shown.map(([face, one]) =>
    h("tr", {}, h("td", {}, String(face + 1)), h("td", { class: "number" }, clock(one.from)), h("td", { class: "number" }, clock(one.to)), h("td", {}, one.expression), h("td", { class: "number" }, percent(one.confidence))),
  );
  const head = [["Face"], ["From", 1], ["To", 1], ["Expression"], ["Sure", 1]].map(([name, isNumber]) => h("th", { scope: "col", class: isNumber && "number" }, name));
  return h(
    "details",
    {},
    h("summary", {}, "As a table"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Expressions over time" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))),
    rows.length > shown.length ? h("p", { class: "hint" }, `The first ${shown.length} of ${rows.length} stretches; all frames are in the CSV.`) : null,
  );
}

function stretches(rows) {
  const found = [];
  for (const row of rows) {
    const last = found.at(-1);
    if (last?.expression === row.expression) {
      last.to = row.time_s;
      last.count += 1;
      last.confidence += (row.confidence - last.confidence) / last.count;
    } else found.push({ expression: row.expression, from: row.time_s, to: row.time_s, count: 1, confidence: row.confidence });
  }
  return found;
}
