// Images from noise: a grid by seed, sliders along directions, a walk from one image to another.

import { attempt, count, equivalent, field, fill, get, h, newest, post, query, t, words } from "../core.js";
import { clamp, modelChoice, noModel, option, saveAs, seats, seedField } from "./use-parts.js";

words({
  en: {
    "use.number": "Images", "use.class": "Class", "use.turns": "all in turn", "use.truncation": "Truncation", "use.truncation.about": "Less: more typical, less varied", "use.off": "off", "use.directions": "Directions", "use.direction": "Direction {n}", "use.directions.about": "Found in the weights, by falling effect; in standard deviations.", "use.reset": "Reset",
    "use.drawn": "{n} images of seed {seed}", "use.image": "Image {n}", "use.imageOf": "Image {n}, {kind}", "use.pick": "Choose two images to walk from one to the other.", "use.walk": "Walk", "use.way": "From image {a} to image {b}", "use.gif": "GIF of this walk", "use.npz": "NPZ", "use.tour": "GIF through many", "use.noflag": "The sliders have no flag: elegan directions shows them as a sheet.", "use.making": "Being made …",
  },
  zh: {
    "use.number": "图像数", "use.class": "类别", "use.turns": "依次取所有类别", "use.truncation": "截断", "use.truncation.about": "越小越典型，变化越少", "use.off": "关", "use.directions": "方向", "use.direction": "方向 {n}", "use.directions.about": "由权重分解得到，按影响大小排列；单位为标准差。", "use.reset": "复位",
    "use.drawn": "种子 {seed} 的 {n} 张图像", "use.image": "图像 {n}", "use.imageOf": "图像 {n}，{kind}", "use.pick": "选择两张图像，从一张漫步到另一张。", "use.walk": "漫步", "use.way": "从图像 {a} 到图像 {b}", "use.gif": "导出此段 GIF", "use.npz": "NPZ", "use.tour": "多点漫步 GIF", "use.noflag": "滑块没有对应的命令行参数：elegan directions 会把各方向画成一张图。", "use.making": "正在生成…",
  },
});

const COLUMNS = 10; // of the sheet that the server sends
const kept = { n: 36, seed: 0 }; // what stays when the person comes back

/** A slider with its value beside it. */
function slider(label, { min, max, step, value, say = (number) => `${number}`, about = null }, act) {
  const output = h("output", { class: "soft" }, say(value));
  const input = h("input", { type: "range", min, max, step, value, "aria-label": label, "aria-valuetext": say(value), on: { input: () => { draw(); act(); } } });
  const draw = () => { const text = say(+input.value); output.textContent = text; input.setAttribute("aria-valuetext", text); };
  return {
    node: h("div", { class: "field" }, h("span", { class: "row between" }, label, output), input, about ? h("small", {}, about) : null),
    get value() { return +input.value; },
    set value(number) { input.value = number; draw(); },
  };
}

export async function show(place, { models, chosen, signal }) {
  const choice = modelChoice(models, "generate", chosen);
  if (!choice.known.length) return fill(place, noModel());
  const own = { grid: seats(), walk: seats() };
  let about = null, stage = "", moves = [], truncation = null, label = null, picked = [];
  const n = h("input", { type: "number", min: 1, max: 100, value: kept.n, class: "seed", on: { input: () => again() } });
  const seed = seedField(kept.seed, () => again());
  const depends = h("div", { class: "stack" });
  const grid = h("div", { class: "grid", role: "group" }), status = h("p", { class: "soft", role: "status" });
  const walk = h("section", { class: "panel stack", hidden: true }), hint = h("small", {}, t("use.pick"));
  const same = equivalent(), noFlag = h("small", { hidden: true }, t("use.noflag"));
  const asked = () => ({
    model: choice.value, n: clamp(Math.round(+n.value || 1), 1, 100), seed: seed.value, label: label?.value || null,
    truncation: truncation && truncation.value < 1 ? truncation.value : null, moves: moves.map((move) => move.value),
  });
  const redraw = newest(async (stop) => {
    const now = asked();
    grid.setAttribute("aria-busy", "true");
    let sheet = null;
    try {
      sheet = await createImageBitmap(await post("/api/draw", { ...now, ...own.grid() }, { signal: stop }));
    } finally {
      if (!stop.aborted) grid.removeAttribute("aria-busy");
    }
    stop.throwIfAborted();
    if (now.model !== choice.value) return;
    drawGrid(sheet, now);
    status.textContent = t("use.drawn", { n: count(now.n), seed: now.seed });
    if (picked.length === 2) await drawWalk();
  });
  const spell = () => {
    const { moves: moved, model, ...values } = asked();
    noFlag.hidden = !moved.some(Boolean);
    same.update("generate", { model: choice.word, ...values, out: "samples.png" });
  };
  const again = () => {
    Object.assign(kept, { n: asked().n, seed: asked().seed });
    spell();
    if (stage === "asking") return undefined; // it is drawn as soon as the model is known
    return attempt(stage === "known" ? redraw : begin);
  };
  const cells = [];
  const drawGrid = (sheet, now) => {
    const side = about.resolution;
    picked = picked.filter((index) => index < now.n);
    while (cells.length > now.n) cells.pop().node.remove();
    while (cells.length < now.n) {
      const index = cells.length, canvas = h("canvas", { width: side, height: side, class: "pixel" });
      const node = h("button", { type: "button", class: "cell", on: { click: () => pick(index) } }, canvas);
      cells.push({ node, canvas });
      grid.append(node);
    }
    cells.forEach(({ node, canvas }, index) => {
      if (canvas.width !== side) canvas.width = canvas.height = side;
      canvas.getContext("2d").drawImage(sheet, side * (index % COLUMNS), side * Math.floor(index / COLUMNS), side, side, 0, 0, side, side);
      const kind = about.classes.length ? now.label ?? about.classes[index % about.classes.length] : null;
      node.setAttribute("aria-label", kind === null ? t("use.image", { n: index + 1 }) : t("use.imageOf", { n: index + 1, kind }));
    });
    grid.setAttribute("aria-label", t("use.drawn", { n: now.n, seed: now.seed }));
    mark();
    sheet.close();
  };
  const mark = () => cells.forEach(({ node }, index) => {
    node.setAttribute("aria-pressed", String(picked.includes(index)));
    node.dataset.end = picked.includes(index) ? "AB"[picked.indexOf(index)] : "";
  });
  const pick = (index) => {
    picked = picked.includes(index) ? picked.filter((one) => one !== index) : [...picked, index].slice(-2);
    mark();
    walk.hidden = picked.length < 2;
    hint.hidden = picked.length === 2;
    if (picked.length === 2) { way.textContent = t("use.way", { a: picked[0] + 1, b: picked[1] + 1 }); attempt(drawWalk); }
  };
  // --- the walk ---
  const canvas = h("canvas", { class: "pixel walked", role: "img" }), way = h("h2", {});
  const share = slider(t("use.walk"), { min: 0, max: 1, step: 0.01, value: 0, say: (value) => `${Math.round(100 * value)} %` }, () => attempt(drawWalk));
  const walkAsked = () => ({ ...asked(), start: picked[0], end: picked[1], share: share.value });
  const drawWalk = newest(async (stop) => {
    const image = await createImageBitmap(await post("/api/draw/walk", { ...walkAsked(), ...own.walk() }, { signal: stop }));
    stop.throwIfAborted();
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.setAttribute("aria-label", `${way.textContent}, ${Math.round(100 * share.value)} %`);
    image.close();
  });
  const saving = (key, path, body, name) => h("button", { type: "button", on: { click: (event) => attempt(async () => {
    event.target.disabled = true;
    status.textContent = t("use.making");
    try { saveAs(await post(path, body(), { signal }), name); } finally { event.target.disabled = false; status.textContent = ""; }
  }) } }, t(key));
  fill(walk, way, h("div", { class: "row" }, canvas, h("div", { class: "grow stack tight" }, share.node, h("div", {}, saving("use.gif", "/api/draw/film", walkAsked, "walk.gif")))));
  // --- what depends on the model ---
  const begin = newest(async (stop) => {
    stage = "asking";
    [moves, truncation, label, picked] = [[], null, null, []];
    fill(depends);
    mark();
    walk.hidden = true;
    hint.hidden = false;
    try {
      about = await get(`/api/draw/about?${query({ model: choice.value })}`, { signal: stop });
      stage = "known";
    } finally {
      if (!stop.aborted && stage === "asking") stage = "";
    }
    signal.throwIfAborted();
    label = about.classes.length ? h("select", { on: { change: again } }, option("", t("use.turns")), about.classes.map((name) => option(name, name))) : null;
    truncation = about.styles ? slider(t("use.truncation"), { min: 0.1, max: 1, step: 0.05, value: 1, say: (value) => (value >= 1 ? t("use.off") : `${value}`), about: t("use.truncation.about") }, again) : null;
    moves = Array.from({ length: about.directions }, (_, index) => slider(t("use.direction", { n: index + 1 }), { min: -6, max: 6, step: 0.1, value: 0 }, again));
    fill(depends, label ? field(t("use.class"), label) : null, truncation?.node,
      moves.length ? h("fieldset", { class: "plain stack tight" }, h("legend", {}, h("b", {}, t("use.directions"))), h("small", {}, t("use.directions.about")), moves.map((move) => move.node),
        h("div", {}, h("button", { type: "button", on: { click: () => { for (const move of moves) move.value = 0; again(); } } }, t("use.reset")))) : null);
    await again();
  });
  choice.node.addEventListener("change", () => attempt(begin));
  fill(place, h("div", { class: "split use" },
    h("div", { class: "stack" }, h("section", { class: "panel stack" }, status, grid, hint,
      h("div", { class: "row" }, saving("use.png", "/api/draw/sheet", asked, "samples.png"), saving("use.npz", "/api/draw/arrays", asked, "samples.npz"),
        saving("use.tour", "/api/draw/tour", () => ({ model: choice.value, seed: seed.value, label: label?.value || null }), "interpolation.gif"))), walk),
    h("section", { class: "panel stack" }, field(t("use.model"), choice.node), h("div", { class: "row end" }, field(t("use.number"), n), seed.node), depends, same.node, noFlag)));
  return begin();
}
