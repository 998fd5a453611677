// Line charts as SVG with a cursor that shows the values; drawn like those of a report.

import { count, h, short } from "./core.js";

const W = 480, H = 230, LEFT = 50, RIGHT = 470, TOP = 12, BOTTOM = 196;
const DASHES = ["", "7 3", "2 3", "9 3 2 3"]; // curves differ by more than colour

function ticks(low, high, wanted = 5) {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / wanted));
  const nearness = (step) => Math.abs(Math.log((high - low) / step / wanted));
  const step = [1, 2, 5, 10].map((k) => k * power).reduce((a, b) => (nearness(b) < nearness(a) ? b : a));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k <= Math.floor(high / step + 1e-9); k++) found.push(+(k * step).toPrecision(12));
  return found;
}

function logTicks(low, high) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const decades = Math.log10(high / low), stride = Math.max(1, Math.ceil(decades / 6));
  const found = [];
  for (let k = first; k <= last; k++) if (k % stride === 0) for (const f of decades <= 2.2 ? [1, 2, 5] : [1]) found.push(f * 10 ** k);
  return found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

/** A tick's text, with as many digits as tell it from its neighbours. */
function tickText(value, all) {
  const step = Math.abs(all[1] - all[0]);
  if (!(step > 0) || Math.abs(value) >= 1e4 || step < 1e-4) return short(value);
  return value.toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
}

function scales(chart) {
  let values = chart.series.flatMap((one) => one.y).filter((y) => y !== null);
  if (chart.floor !== null && chart.floor !== undefined) values.push(chart.floor);
  const positive = values.filter((y) => y > 0);
  const log = chart.log && positive.length > 0 && Math.max(...positive) > 8 * Math.min(...positive);
  if (log) values = positive;
  let low = Math.min(...values, ...(chart.range ?? [])), high = Math.max(...values, ...(chart.range ?? []));
  if (log) [low, high] = [low / 1.1, high * 1.1];
  else {
    if (high - low <= Math.max(Math.abs(low), Math.abs(high)) * 1e-9) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    const margin = (high - low) * 0.05;
    low = low >= 0 && low < high / 2 ? 0 : low - margin;
    high += margin;
  }
  const last = Math.max(1, ...chart.series.flatMap((one) => one.x));
  const f = log ? Math.log10 : (v) => v;
  return {
    log, low, high, last,
    x: (v) => LEFT + (v / last) * (RIGHT - LEFT),
    y: (v) => BOTTOM + ((f(v) - f(low)) / (f(high) - f(low))) * (TOP - BOTTOM),
  };
}

function path(one, scale) {
  let text = "", drawing = false;
  one.x.forEach((x, i) => {
    const y = one.y[i];
    const shown = y !== null && (!scale.log || y > 0);
    // A point alone is drawn as a dot.
    if (shown) text += `${drawing ? "L" : "M"}${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}${drawing ? "" : "h0.01"}`;
    drawing = shown;
  });
  return text;
}

/** Returns a figure; `chart` as /api/run/curves describes it, `marks` vertical lines. */
export function lineChart(chart, marks = [], xLabel = "") {
  const scale = scales(chart);
  const values = chart.series.map(() => h("b", {}));
  const show = (at) => chart.series.forEach((one, i) => {
    let index = one.x.length - 1;
    if (at !== null) while (index > 0 && one.x[index] > at) index--;
    values[i].textContent = short(one.y[index]);
  });
  const cursor = h("line", { class: "cursor", y1: TOP, y2: BOTTOM, visibility: "hidden" });
  const place = h("text", { y: TOP + 2, "text-anchor": "middle", visibility: "hidden" });
  const yTicks = (scale.log ? logTicks : ticks)(scale.low, scale.high);
  const summary = chart.series.map((one) => `${one.label} ${short(one.y.at(-1))}`).join(", ");
  const svg = h("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${chart.title}: ${summary}` },
    yTicks.map((v) => [h("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: scale.y(v), y2: scale.y(v) }),
      h("text", { x: LEFT - 6, y: scale.y(v) + 4, "text-anchor": "end" }, scale.log ? short(v) : tickText(v, yTicks))]),
    ticks(0, scale.last).map((v) => h("text", { x: scale.x(v), y: BOTTOM + 16, "text-anchor": "middle" }, short(v))),
    h("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }),
    h("text", { x: RIGHT, y: H - 2, "text-anchor": "end" }, xLabel),
    chart.floor !== null && chart.floor !== undefined && (!scale.log || chart.floor > 0)
      ? h("line", { class: "floor", x1: LEFT, x2: RIGHT, y1: scale.y(chart.floor), y2: scale.y(chart.floor) }) : null,
    marks.map((mark) => h("line", { class: "mark", x1: scale.x(mark.x), x2: scale.x(mark.x), y1: TOP, y2: BOTTOM }, h("title", {}, mark.text))),
    chart.series.map((one, i) => h("path", { class: `curve c${(i % 4) + 1}`, "stroke-dasharray": DASHES[i % 4], d: path(one, scale) })),
    cursor, place);
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    const x = Math.min(RIGHT, Math.max(LEFT, ((event.clientX - box.left) / box.width) * W));
    const at = ((x - LEFT) / (RIGHT - LEFT)) * scale.last;
    for (const [node, name] of [[cursor, "x1"], [cursor, "x2"], [place, "x"]]) {
      node.setAttribute(name, x);
      node.setAttribute("visibility", "visible");
    }
    place.textContent = count(Math.round(at));
    show(at);
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerleave", () => {
    for (const node of [cursor, place]) node.setAttribute("visibility", "hidden");
    show(null);
  });
  show(null);
  const swatch = (i) => h("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, h("line", { class: `c${(i % 4) + 1}`, "stroke-dasharray": DASHES[i % 4], x1: 0, x2: 18, y1: 4, y2: 4 }));
  return h("figure", { class: "panel", style: { margin: "0" } },
    h("h3", {}, chart.title, " ", h("small", { class: "soft" }, chart.unit === chart.title ? "" : chart.unit)),
    h("ul", { class: "legend" }, chart.series.map((one, i) => h("li", {}, swatch(i), one.label, " ", values[i])),
      chart.floor !== null && chart.floor !== undefined ? h("li", {}, "┄ ", h("b", {}, short(chart.floor))) : null),
    svg, chart.reading ? h("small", { class: "soft" }, chart.reading) : null);
}
