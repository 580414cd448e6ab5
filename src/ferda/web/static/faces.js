// A face's answer: its name, a bar for each class, its box on a picture.

import { h, percent, svg } from "./dom.js";

export const colour = (name) => `var(--${/^[a-z]+$/.test(name) ? name : "neutral"}, var(--neutral))`;

/** The shares of a row of the table, the largest first. */
export function shares(row) {
  return Object.keys(row)
    .filter((key) => key.startsWith("p_"))
    .map((key) => [key.slice(2), row[key]])
    .sort((a, b) => b[1] - a[1]);
}

/** A bar for each class; beyond the first `most`, on request. */
export function bars(row, most = Infinity) {
  const all = shares(row);
  if (all.length <= most) return barList(all);
  const rest = h("details", { class: "more" }, h("summary", {}, `${all.length - most} more`), barList(all.slice(most), false));
  return h("div", {}, barList(all.slice(0, most)), rest);
}

function barList(some, hasTop = true) {
  const list = h("ul", { class: "bars" });
  some.forEach(([name, share], place) => {
    const fill = h("span", { class: "fill" });
    fill.style.width = `${100 * share}%`;
    fill.style.background = colour(name);
    list.append(
      h(
        "li",
        { class: hasTop && place === 0 && "top-one" },
        h("span", {}, name),
        h("span", { class: "track", "aria-hidden": "true" }, fill),
        h("span", { class: "share" }, percent(share)),
      ),
    );
  });
  return list;
}

export function title(row, count) {
  const name = h("h3", {}, row.expression, " ", h("small", {}, percent(row.confidence)));
  if (count > 1) name.prepend(h("small", {}, `${row.face_id + 1}. `));
  return name;
}

/** Boxes over a picture whose width and height are known, with their names. */
export function boxes(rows, width, height, { isSmall = false } = {}) {
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const tags = [];
  for (const row of rows.filter((one) => one.box_x !== null)) {
    const place = { x: row.box_x, y: row.box_y, width: row.box_w, height: row.box_h, rx: 0.04 * row.box_w };
    const box = svg("rect", { class: "box", ...place, "data-face": row.face_id });
    box.style.stroke = colour(row.expression);
    drawing.append(svg("rect", { class: "box-rim", ...place }), box);
    const above = row.box_y / height > 0.08;
    const full = rows.length > 1 ? `${row.face_id + 1}. ${row.expression}` : row.expression;
    const words = isSmall && rows.length > 2 ? `${row.face_id + 1}` : full;
    const tag = h("span", { class: above ? "tag" : "tag inside", "aria-hidden": "true" }, words);
    // beginning or ending with the box, whichever leaves it more room inside the picture
    const [left, right] = [row.box_x / width, 1 - (row.box_x + row.box_w) / width];
    tag.style[left < right ? "left" : "right"] = `${100 * Math.max(Math.min(left, right), 0)}%`;
    tag.style.top = `${(100 * Math.max(row.box_y, 0)) / height}%`;
    tags.push(tag);
  }
  return [drawing, ...tags];
}

/** Boxes and names on a canvas that lies over moving pictures. */
export function paint(canvas, rows, source, { mirrored = false } = {}) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const scale = Math.min(width / source.width, height / source.height);
  const [left, top] = [(width - scale * source.width) / 2, (height - scale * source.height) / 2];
  pen.font = "600 15px system-ui, sans-serif";
  pen.textBaseline = "top";
  for (const row of rows.filter((one) => one.expression)) {
    const whole = row.box_x === null;
    const box = whole ? [0, 0, source.width, source.height] : [row.box_x, row.box_y, row.box_w, row.box_h];
    let [x, y, w, e] = [left + scale * box[0], top + scale * box[1], scale * box[2], scale * box[3]];
    if (mirrored) x = width - x - w;
    for (const [thick, ink] of [[6, "rgb(0 0 0 / 65%)"], [3, resolved(row.expression)]]) {
      pen.lineWidth = thick;
      pen.strokeStyle = ink;
      pen.strokeRect(x, y, w, e);
    }
    const words = width < 480 ? row.expression : `${row.expression} ${percent(row.confidence)}`;
    const wide = pen.measureText(words).width + 12;
    x = Math.max(2, Math.min(x, width - wide - 2));
    const under = y < 26 ? y + 4 : y - 25;
    pen.fillStyle = "#101418";
    pen.fillRect(x, under, wide, 23);
    pen.fillStyle = "#fff";
    pen.fillText(words, x + 6, under + 4);
  }
}

function resolved(name) {
  const known = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return known || "#fff";
}
