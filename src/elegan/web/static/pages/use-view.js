// One photo before and after, with zoom and pan, and a mask that is painted on it.

import { attempt, fill, get, h, put, query, t, words } from "../core.js";
import { clamp } from "./use-parts.js";

words({
  en: {
    "view.before": "Before", "view.after": "After", "view.divider": "Before and after", "view.fit": "Fit", "view.whole": "1:1", "view.in": "Zoom in", "view.out": "Zoom out", "view.zoom": "{n} %", "view.help": "Wheel or + and − zoom, arrow keys or dragging move, 0 fits, 1 shows pixel by pixel.",
    "view.paint": "Paint a mask", "view.brush": "Brush", "view.erase": "Eraser", "view.size": "Size", "view.undo": "Undo", "view.redo": "Redo", "view.invert": "Invert", "view.clear": "Clear", "view.rectangle": "Rectangle by numbers", "view.left": "Left", "view.top": "Top", "view.width": "Width", "view.height": "Height", "view.fill": "Fill", "view.unfill": "Erase",
    "view.paint.help": "Painted is what changes; all else stays bit for bit. Shift and wheel, or [ and ], change the size. Arrow keys move the brush, the space bar paints, Ctrl+Z undoes. Drag with the middle button to move the photo.", "view.masked": "{n} % of the photo is painted", "view.nothing": "Nothing is painted", "view.photo": "{name}, {state}", "view.unkept": "What you painted is not kept yet: {why} It is tried again with the next stroke and before a run.",
  },
  zh: {
    "view.before": "处理前", "view.after": "处理后", "view.divider": "前后对比", "view.fit": "适应窗口", "view.whole": "1:1", "view.in": "放大", "view.out": "缩小", "view.zoom": "{n} %", "view.help": "滚轮或 + / − 缩放，方向键或拖动平移，0 适应窗口，1 逐像素显示。",
    "view.paint": "涂抹蒙版", "view.brush": "画笔", "view.erase": "橡皮", "view.size": "大小", "view.undo": "撤销", "view.redo": "重做", "view.invert": "反选", "view.clear": "清除", "view.rectangle": "按数值画矩形", "view.left": "左", "view.top": "上", "view.width": "宽", "view.height": "高", "view.fill": "填充", "view.unfill": "擦除",
    "view.paint.help": "只改变涂抹之处，其余部分逐位不变。Shift + 滚轮或 [ ] 调整大小；方向键移动画笔，空格键涂抹，Ctrl+Z 撤销；按住中键拖动可平移照片。", "view.masked": "已涂抹照片的 {n} %", "view.nothing": "尚未涂抹", "view.photo": "{name}，{state}", "view.unkept": "涂抹的内容尚未保存：{why}下次涂抹时和处理前会再试。",
  },
});

const COLOUR = "#ff2bd6"; // of what is painted; the canvas over the photo is half transparent
const SAVE_AFTER = 500; // milliseconds without a stroke
const load = async (address, signal) => {
  const source = URL.createObjectURL(await get(address, { signal }));
  const node = h("img", { src: source, alt: "", draggable: "false" });
  try { await node.decode(); } finally { URL.revokeObjectURL(source); }
  signal.throwIfAborted();
  return node;
};

/** Shows a photo; `paints` adds the tools for a mask, `changed` is called with the photo's new row.
 *
 * Returns the element, `end`, which keeps what was painted, and `free`, which keeps it too unless
 * told not to. */
export async function viewer(photo, result, { paints, changed, signal }) {
  const before = await load(`/api/photos/preview?${query({ id: photo.id })}`, signal);
  const after = result ? await load(`/api/results/preview?${query({ id: result.job, photo: photo.id })}`, signal) : null;
  const size = after ? [after.naturalWidth, after.naturalHeight] : [before.naturalWidth, before.naturalHeight];
  const own = [before.naturalWidth, before.naturalHeight];
  const real = (after && result.size ? result.size : photo.size)[0] / size[0]; // of a preview that is smaller
  let zoom = 1, x = 0, y = 0, share = 0.5, painting = false;
  const mask = paints ? maskOf(photo, own) : null;
  const under = h("div", { class: "layer" }, before, mask?.canvas), over = h("div", { class: "layer over" }, after);
  const line = h("div", { class: "divider", hidden: !after }), ring = h("div", { class: "ring", hidden: true });
  const names = after ? [h("span", { class: "corner" }, t("view.before")), h("span", { class: "corner right" }, t("view.after"))] : [];
  const view = h("div", { class: "view", tabindex: 0, role: "group", "aria-label": t("view.photo", { name: photo.name, state: t(after ? "view.divider" : "view.before") }) }, under, over, line, ring, names);
  const zoomText = h("output", { class: "soft" });
  const place = () => {
    const transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    for (const node of [before, after, mask?.canvas].filter(Boolean)) {
      node.style.width = `${size[0]}px`;
      node.style.height = `${size[1]}px`;
      node.style.transform = transform;
      node.classList.toggle("pixel", zoom >= 3);
    }
    const cut = painting ? 1 : share;
    over.style.clipPath = `inset(0 0 0 ${100 * cut}%)`;
    over.hidden = cut >= 1;
    line.hidden = compare.hidden = !after || painting;
    for (const name of names) name.hidden = painting;
    if (mask) mask.canvas.style.visibility = after && !painting ? "hidden" : "visible";
    line.style.left = `${100 * share}%`;
    zoomText.textContent = t("view.zoom", { n: Math.round((100 * zoom) / real) });
    drawRing();
  };
  const fit = () => {
    const box = view.getBoundingClientRect();
    if (!box.width) return;
    zoom = Math.min(box.width / size[0], box.height / size[1]);
    x = (box.width - size[0] * zoom) / 2;
    y = (box.height - size[1] * zoom) / 2;
    place();
  };
  const zoomAt = (factor, px = view.clientWidth / 2, py = view.clientHeight / 2) => {
    const next = clamp(zoom * factor, 0.02, 40);
    x = px - ((px - x) * next) / zoom;
    y = py - ((py - y) * next) / zoom;
    zoom = next;
    place();
  };
  const whole = () => zoomAt(real / zoom);
  const move = (dx, dy) => { x += dx; y += dy; place(); };
  const divide = (value) => { share = clamp(value, 0, 1); slider.value = share; place(); };
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: share, "aria-label": t("view.divider"), on: { input: () => divide(+slider.value) } });
  const compare = h("label", { class: "row compare" }, h("span", {}, t("view.before")), slider, h("span", {}, t("view.after")));
  // --- the brush ---
  let brush = Math.max(8, Math.round(Math.min(...own) / 12)), erase = false, cursor = [own[0] / 2, own[1] / 2];
  const toOwn = (px, py) => [((px - x) / zoom) * (own[0] / size[0]), ((py - y) / zoom) * (own[1] / size[1])];
  const drawRing = () => {
    ring.hidden = !painting;
    if (!painting) return;
    const ratio = zoom * (size[0] / own[0]);
    ring.style.width = ring.style.height = `${brush * ratio}px`;
    ring.style.transform = `translate(${cursor[0] * ratio + x - (brush * ratio) / 2}px, ${cursor[1] * zoom * (size[1] / own[1]) + y - (brush * ratio) / 2}px)`;
  };
  const resize = (value) => { brush = Math.round(clamp(value, 1, Math.max(...own))); if (sizes) sizes.value = brush; drawRing(); };
  const pointers = new Map();
  let dragging = "", pinch = 0;
  const at = (event) => { const box = view.getBoundingClientRect(); return [event.clientX - box.left - view.clientLeft, event.clientY - box.top - view.clientTop]; };
  view.addEventListener("pointerdown", (event) => {
    view.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (event.button === 1) event.preventDefault();
    if (pointers.size === 2) { dragging = "pinch"; pinch = 0; mask?.drop(); return; }
    const [px, py] = at(event);
    if (painting && event.button === 0) {
      dragging = "paint";
      cursor = toOwn(px, py);
      mask.begin({ erase, size: brush, points: [cursor] });
    } else dragging = after && Math.abs(px - share * view.clientWidth) < 14 ? "divide" : "move";
  });
  view.addEventListener("pointermove", (event) => {
    const [px, py] = at(event), last = pointers.get(event.pointerId);
    if (painting) { cursor = toOwn(px, py); drawRing(); }
    if (!last) return;
    pointers.set(event.pointerId, [px, py]);
    if (dragging === "pinch" && pointers.size === 2) {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      const length = Math.hypot(ax - bx, ay - by);
      if (pinch) zoomAt(length / pinch, (ax + bx) / 2, (ay + by) / 2);
      pinch = length;
      move((px - last[0]) / 2, (py - last[1]) / 2);
    } else if (dragging === "paint") mask.go(cursor);
    else if (dragging === "divide") divide(px / view.clientWidth);
    else if (dragging === "move") move(px - last[0], py - last[1]);
  });
  const lift = (event) => {
    pointers.delete(event.pointerId);
    if (dragging === "paint") { mask.finish(); told(); }
    if (!pointers.size) dragging = "";
  };
  view.addEventListener("pointerup", lift);
  view.addEventListener("pointercancel", lift);
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    const turn = event.deltaY || event.deltaX; // with Shift some systems turn the wheel sideways
    if (painting && (event.shiftKey || event.altKey)) resize(brush * (turn > 0 ? 0.88 : 1.14));
    else zoomAt(Math.exp(-clamp(turn, -120, 120) / 400), ...at(event));
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const acts = { "+": () => zoomAt(1.25), "=": () => zoomAt(1.25), "-": () => zoomAt(0.8), 0: fit, 1: whole };
    if (painting) Object.assign(acts, { "[": () => resize(brush * 0.85), "]": () => resize(brush * 1.18 + 1), " ": () => { mask.begin({ erase, size: brush, points: [cursor] }); mask.finish(); told(); } });
    const held = event.ctrlKey || event.metaKey;
    let act = held ? null : acts[event.key];
    if (painting && held) act = { z: event.shiftKey ? redo : undo, Z: redo, y: redo }[event.key];
    if (arrows && !held) {
      act = () => {
        const step = event.shiftKey ? 4 : 1;
        if (!painting) return move(-40 * step * arrows[0], -40 * step * arrows[1]);
        const length = Math.max(1, (brush / 4) * step);
        cursor = cursor.map((value, axis) => clamp(value + length * arrows[axis], 0, own[axis]));
        return drawRing();
      };
    }
    if (!act) return;
    event.preventDefault();
    act();
  });
  // --- keeping what was painted ---
  let timer = 0, saving = Promise.resolve(), unkept = false;
  const covered = h("small", { role: "status" }), fault = h("div", { role: "status" });
  const save = () => {
    clearTimeout(timer);
    timer = 0;
    saving = saving.catch(() => {}).then(async () => { // one that failed stops no later one
      unkept = false;
      try {
        changed(await put(`/api/photos/mask?${query({ id: photo.id })}`, await mask.blob()));
        fill(fault);
      } catch (error) {
        unkept = true;
        const text = t("view.unkept", { why: error instanceof TypeError ? t("app.lost") : error.message });
        fill(fault, h("p", { class: "alarm" }, text));
        throw Object.assign(new Error(text), { status: error.status });
      }
    });
    return saving;
  };
  const said = () => {
    const part = mask.covered();
    covered.textContent = part ? t("view.masked", { n: part < 0.01 ? (100 * part).toFixed(2) : Math.round(100 * part) }) : t("view.nothing");
  };
  const told = () => {
    clearTimeout(timer);
    unkept = true;
    timer = setTimeout(() => { said(); save().catch(() => {}); }, SAVE_AFTER);
    undoButton.disabled = !mask.canUndo;
    redoButton.disabled = !mask.canRedo;
  };
  const undo = () => { mask.undo(); told(); }, redo = () => { mask.redo(); told(); };
  const button = (key, act, more = {}) => h("button", { type: "button", on: { click: act }, ...more }, t(key));
  const undoButton = button("view.undo", undo, { disabled: true }), redoButton = button("view.redo", redo, { disabled: true });
  const sizes = paints ? h("input", { type: "range", min: 1, max: Math.round(Math.max(...own) / 2), value: brush, "aria-label": t("view.size"), on: { input: () => resize(+sizes.value) } }) : null;
  let tools = null, start = null;
  if (paints) {
    const [left, top, width, height] = ["left", "top", "width", "height"].map((name, index) => [name, h("input", { type: "number", min: 0, max: photo.size[index % 2], value: [0, 0, ...photo.size][index], class: "seed" })]);
    const numbers = [left, top, width, height];
    const rectangle = (erasing) => {
      const [a, b, c, d] = numbers.map(([, input], index) => (Math.max(0, +input.value || 0) * own[index % 2]) / photo.size[index % 2]);
      mask.add({ rectangle: [a, b, c, d], erase: erasing });
      told();
    };
    const kind = (key, value) => h("label", {}, h("input", { type: "radio", name: "brush", checked: value === erase, on: { change: () => { erase = value; view.focus({ preventScroll: true }); } } }), t(key));
    tools = h("div", { class: "stack tight", hidden: true }, h("div", { class: "row" },
      h("fieldset", { class: "segmented" }, h("legend", { class: "visually-hidden" }, t("view.brush")), kind("view.brush", false), kind("view.erase", true)),
      h("label", { class: "row brush" }, t("view.size"), sizes), undoButton, redoButton, button("view.invert", () => { mask.add({ invert: true }); told(); }), button("view.clear", () => { mask.add({ clear: true }); told(); })),
    h("details", {}, h("summary", {}, t("view.rectangle")), h("div", { class: "row end" }, numbers.map(([name, input]) => h("label", { class: "field" }, h("span", {}, t(`view.${name}`)), input)), button("view.fill", () => rectangle(false)), button("view.unfill", () => rectangle(true)))),
    covered, h("small", {}, t("view.paint.help")));
    start = h("input", { type: "checkbox", on: { change: () => { painting = start.checked; tools.hidden = !painting; help.hidden = painting; view.classList.toggle("painting", painting); place(); } } });
    if (photo.masked) {
      await mask.read(await load(`/api/photos/mask?${query({ id: photo.id })}`, signal));
      start.checked = !after;
    }
    said();
  }
  const help = h("small", {}, t("view.help"));
  const node = h("div", { class: "stack tight" },
    h("div", { class: "row" }, button("view.fit", fit), button("view.whole", whole), button("view.in", () => zoomAt(1.25)), button("view.out", () => zoomAt(0.8)), zoomText,
      start ? h("label", { class: "row" }, start, t("view.paint")) : null),
    fault, tools, view, compare, help);
  start?.dispatchEvent(new Event("change"));
  let fitted = "";
  const watcher = new ResizeObserver(() => {
    const now = `${view.clientWidth}x${view.clientHeight}`;
    if (now !== fitted) { fitted = now; fit(); }
  });
  watcher.observe(view);
  const end = () => (unkept ? save() : saving);
  const free = (keep = true) => {
    watcher.disconnect();
    clearTimeout(timer);
    if (keep && unkept) attempt(save);
  };
  return { node, view, end, free };
}

/** A mask as strokes, each of which can be taken back. */
function maskOf(photo, [width, height]) {
  const canvas = h("canvas", { width, height, class: "mask", "aria-hidden": "true" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let strokes = [], undone = [], current = null, ground = null;
  const draw = (one) => {
    context.globalCompositeOperation = one.erase ? "destination-out" : "source-over";
    context.fillStyle = context.strokeStyle = COLOUR;
    if (one.clear) context.clearRect(0, 0, width, height);
    else if (one.invert) {
      context.globalCompositeOperation = "source-out";
      context.fillRect(0, 0, width, height);
    } else if (one.rectangle) context.fillRect(...one.rectangle);
    else {
      context.lineWidth = one.size;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      one.points.forEach(([px, py], index) => (index ? context.lineTo(px, py) : context.moveTo(px, py)));
      if (one.points.length === 1) context.lineTo(one.points[0][0] + 0.01, one.points[0][1]);
      context.stroke();
    }
  };
  const again = () => {
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    if (ground) context.drawImage(ground, 0, 0);
    strokes.forEach(draw);
  };
  const add = (one) => { strokes.push(one); undone = []; draw(one); };
  return {
    canvas,
    add,
    begin(one) { current = one; draw(one); },
    go(point) {
      if (!current) return;
      const last = current.points.at(-1);
      current.points.push(point);
      draw({ ...current, points: [last, point] });
    },
    finish() { if (current) { strokes.push(current); undone = []; current = null; } },
    drop() { if (current) { current = null; again(); } },
    undo() { if (strokes.length) { undone.push(strokes.pop()); again(); } },
    redo() { if (undone.length) { strokes.push(undone.pop()); draw(strokes.at(-1)); } },
    get canUndo() { return strokes.length > 0; },
    get canRedo() { return undone.length > 0; },
    covered() {
      const small = h("canvas", { width: 200, height: Math.max(1, Math.round((200 * height) / width)) }), c = small.getContext("2d");
      c.drawImage(canvas, 0, 0, small.width, small.height);
      const { data } = c.getImageData(0, 0, small.width, small.height);
      let sum = 0;
      for (let i = 3; i < data.length; i += 4) sum += data[i];
      return sum / 255 / (data.length / 4);
    },
    async read(image) {
      ground = h("canvas", { width, height });
      const c = ground.getContext("2d");
      c.drawImage(image, 0, 0, width, height);
      const pixels = c.getImageData(0, 0, width, height);
      for (let i = 0; i < pixels.data.length; i += 4) pixels.data[i + 3] = pixels.data[i];
      c.putImageData(pixels, 0, 0);
      c.globalCompositeOperation = "source-in";
      c.fillStyle = COLOUR;
      c.fillRect(0, 0, width, height);
      again();
    },
    async blob() {
      const whole = h("canvas", { width, height }), c = whole.getContext("2d");
      c.drawImage(canvas, 0, 0);
      c.globalCompositeOperation = "source-in";
      c.fillStyle = "#fff";
      c.fillRect(0, 0, width, height);
      c.globalCompositeOperation = "destination-over";
      c.fillStyle = "#000";
      c.fillRect(0, 0, width, height);
      return new Promise((found) => { whole.toBlob(found, "image/png"); });
    },
  };
}
