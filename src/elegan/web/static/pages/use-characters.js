// Characters: drawn by seed and attributes, then changed by their points and colours.

import { attempt, equivalent, field, fill, get, h, language, newest, post, query, t, words } from "../core.js";
import { clamp, modelChoice, noModel, option, picture, saveAs, seats, seedField } from "./use-parts.js";

words({
  en: {
    "use.how": "How many", "use.any": "any", "use.transparent": "On nothing in place of white", "use.choose": "Choose a character to change it.", "use.person": "Character {n}", "use.personOf": "Character {n}: {traits}", "use.part": "Outline", "use.noPart": "key points", "use.point": "{name}: {x}, {y}", "use.node": "{part}, point {n}: {x}, {y}", "use.colours": "Colours", "use.stages": "Stages", "use.undo": "Undo", "use.original": "As drawn", "use.svg": "SVG", "use.json": "Points (JSON)", "use.pose": "The character with its points",
    "use.points.about": "Drag a point, or go to it with Tab and use the arrow keys (Shift: further). A key point takes the outlines around it along; the picture is made of the outlines. Choose an outline to move its points one by one.", "use.invalid": "no valid maps came; this is the last draw", "use.pixelated": "Show pixels", "use.stage.1-maps": "Feature map", "use.stage.2-points": "Key points", "use.stage.3-outline": "Outline", "use.stage.4-character": "Character", "use.drawing": "Drawing …", "use.ready": "{n} characters of seed {seed}",
  },
  zh: {
    "use.how": "数量", "use.any": "任意", "use.transparent": "透明背景", "use.choose": "选择一个角色进行修改。", "use.person": "角色 {n}", "use.personOf": "角色 {n}：{traits}", "use.part": "轮廓", "use.noPart": "关键点", "use.point": "{name}：{x}, {y}", "use.node": "{part}，第 {n} 点：{x}, {y}", "use.colours": "配色", "use.stages": "各阶段", "use.undo": "撤销", "use.original": "恢复原样", "use.svg": "SVG", "use.json": "点（JSON）", "use.pose": "角色及其关键点",
    "use.points.about": "拖动一个点，或用 Tab 选中后按方向键（Shift 加大步幅）。关键点会带动其周围的轮廓；图像由轮廓绘成。选择某个轮廓可逐点移动。", "use.invalid": "未得到有效的特征图，显示最后一次结果", "use.pixelated": "显示像素", "use.stage.1-maps": "特征图", "use.stage.2-points": "关键点", "use.stage.3-outline": "轮廓", "use.stage.4-character": "角色", "use.drawing": "正在生成…", "use.ready": "种子 {seed} 的 {n} 个角色",
  },
});

// What models call attributes, colours and parts.
const NAMES = {
  "hair-style": "发型", fringe: "刘海", expression: "表情", "hair-colour": "发色", "eye-colour": "瞳色", skin: "皮肤", hair: "头发", iris: "虹膜", mouth: "嘴", clothes: "衣服", trim: "饰边",
  "back-hair": "后发", neck: "颈", face: "脸", "eye-left": "左眼", "eye-right": "右眼", "iris-left": "左虹膜", "iris-right": "右虹膜", "brow-left": "左眉", "brow-right": "右眉", "front-hair": "前发",
  "eye-left-outer": "左眼外角", "eye-left-inner": "左眼内角", "eye-right-inner": "右眼内角", "eye-right-outer": "右眼外角", "brow-left-outer": "左眉外端", "brow-left-middle": "左眉中点", "brow-left-inner": "左眉内端", "brow-right-inner": "右眉内端", "brow-right-middle": "右眉中点", "brow-right-outer": "右眉外端",
  "mouth-left": "左嘴角", "mouth-right": "右嘴角", chin: "下巴", "jaw-left": "左下颌", "jaw-right": "右下颌", "ear-left": "左耳", "ear-right": "右耳",
  bob: "波波头", buns: "丸子头", long: "长发", "low-tails": "低双马尾", ponytail: "马尾", short: "短发", spiky: "刺猬头", "twin-tails": "双马尾", waves: "卷发", boyish: "男孩式", "centre-lock": "中央一缕", curly: "卷曲", hime: "姬发式", parted: "中分", straight: "齐刘海", swept: "斜刘海", tousled: "凌乱", up: "上梳",
  angry: "生气", calm: "平静", happy: "开心", laughing: "大笑", neutral: "中性", sad: "难过", shy: "害羞", sleepy: "困倦", smug: "得意", surprised: "惊讶", wink: "眨眼",
  black: "黑", brown: "棕", chestnut: "栗", blond: "金", orange: "橙", red: "红", pink: "粉", purple: "紫", blue: "蓝", teal: "青", green: "绿", silver: "银", amber: "琥珀", gray: "灰", porcelain: "瓷白", fair: "白皙", tan: "小麦", deep: "深",
};
const named = (name) => (language() === "zh" ? (Object.hasOwn(NAMES, name) ? NAMES[name] : name) : name.replaceAll("-", " "));

// What a key point takes along: whole parts, or what of a part lies near it, in canvas units.
const WHOLE = { "eye-left": ["eye-left", "iris-left"], "eye-right": ["eye-right", "iris-right"], mouth: ["mouth"] };
const WITH = { "eye-left": ["eye-left-outer", "eye-left-inner"], "eye-right": ["eye-right-inner", "eye-right-outer"], mouth: ["mouth-left", "mouth-right"] };
const NEAR = { eye: 0.04, brow: 0.05, mouth: 0.04, face: 0.09 };
const partsNear = (name) => {
  const side = name.includes("left") ? "left" : "right";
  if (name.startsWith("eye")) return [[`eye-${side}`], NEAR.eye];
  if (name.startsWith("brow")) return [[`brow-${side}`], NEAR.brow];
  if (name.startsWith("mouth")) return [["mouth"], NEAR.mouth];
  return [["face"], NEAR.face];
};
const UNSEEN = ["nose"]; // no outline goes through it

/** Returns points with a key point moved by (dx, dy), and what belongs to it. */
export function moveKeyPoint(points, name, dx, dy) {
  const moved = structuredClone(points), [x, y] = points.key_points[name];
  const shift = (place, share) => bounded(place, [place[0] + dx * share, place[1] + dy * share]);
  for (const other of [name, ...(WITH[name] ?? [])]) if (moved.key_points[other]) moved.key_points[other] = shift(points.key_points[other], 1).map((value) => clamp(value, 0, 1));
  const [parts, reach] = WHOLE[name] ? [WHOLE[name], Infinity] : partsNear(name);
  for (const part of parts.filter((one) => points.outlines[one])) {
    const shares = points.outlines[part].map(([px, py]) => Math.exp(-((px - x) ** 2 + (py - y) ** 2) / (2 * reach ** 2)));
    const most = Math.max(...shares);
    moved.outlines[part] = points.outlines[part].map((place, index) => shift(place, shares[index] / most));
  }
  return moved;
}

/** Returns points with one point of an outline moved; its neighbours follow a little. */
export function moveNode(points, part, at, dx, dy) {
  const moved = structuredClone(points), n = points.outlines[part].length;
  moved.outlines[part] = points.outlines[part].map((place, index) => {
    const apart = Math.min((index - at + n) % n, (at - index + n) % n), share = Math.exp(-(apart ** 2) / 4.5);
    return share < 0.01 ? place : bounded(place, [place[0] + dx * share, place[1] + dy * share]);
  });
  return moved;
}

/** A place on the canvas; one that lay beyond it already may stay as far out. */
const bounded = (old, place) => place.map((value, axis) => +clamp(value, Math.min(0, old[axis]), Math.max(1, old[axis])).toFixed(5));

export async function show(place, { models, use, chosen, signal }) {
  const choice = modelChoice(models, use, chosen);
  if (!choice.known.length) return fill(place, noModel());
  const own = { draw: seats(), pose: seats() };
  let about = null, stage = "", made = null, wishes = new Map(), person = null;
  const n = h("input", { type: "number", min: 1, max: 16, value: 6, class: "seed", on: { change: () => again() } });
  const seed = seedField(0, () => again());
  const transparent = h("input", { type: "checkbox", on: { change: () => again() } });
  const asking = h("div", { class: "choosing" }), people = h("div", { class: "people", role: "group", "aria-label": t("use.choose") }), status = h("p", { class: "soft", role: "status" });
  const editor = h("section", { class: "panel stack", hidden: true }), same = equivalent();
  const file = (set, name, more = {}) => `/api/characters/file?${query({ id: set, name, ...more })}`;
  const shipped = () => choice.model?.run === null;
  const wished = () => Object.fromEntries([...wishes].map(([name, select]) => [name, select.value]).filter(([, value]) => value));
  const spell = () => {
    const head = { model: shipped() ? null : choice.word, transparent: transparent.checked };
    if (person?.edited) same.update("character", { ...head, points: "character.points.json", svg: true });
    else same.update("character", { ...head, n: clamp(Math.round(+n.value || 1), 1, 16), seed: seed.value, attribute: wished(), svg: true });
  };
  const again = () => {
    close();
    spell();
    if (stage === "asking") return undefined; // it is drawn as soon as the model is known
    return attempt(stage === "known" ? draw : begin);
  };
  const draw = newest(async (stop) => {
    status.textContent = t("use.drawing");
    const asked = { model: choice.value, n: clamp(Math.round(+n.value || 1), 1, 16), seed: seed.value, attribute: wished(), transparent: transparent.checked, ...own.draw() };
    let found = null;
    try { found = await post("/api/characters", asked, { signal: stop }); } finally { if (!stop.aborted) status.textContent = ""; }
    if (asked.model !== choice.value) return;
    made = found;
    close(); // who was opened meanwhile is one of the last draw
    status.textContent = [t("use.ready", { n: asked.n, seed: asked.seed }), made.text].filter(Boolean).join("\n");
    fill(people, made.characters.map((one, index) => {
      const traits = Object.values(one.points.attributes).map(named).join(", ");
      return h("button", { type: "button", class: "person", "aria-pressed": "false", "aria-label": traits ? t("use.personOf", { n: index + 1, traits }) : t("use.person", { n: index + 1 }), on: { click: (event) => attempt(() => edit(one, event.currentTarget)) } }, h("img", { class: "pixel", src: file(made.id, one.picture), alt: "" }));
    }));
  });
  const close = () => {
    person?.free();
    person = null;
    editor.hidden = true;
    for (const node of people.children) node.setAttribute("aria-pressed", "false");
  };
  // --- one character ---
  const edit = (one, pressed) => {
    close();
    pressed.setAttribute("aria-pressed", "true");
    const image = picture({ alt: "", class: "pixel" }), set = made.id;
    let points = structuredClone(one.points), history = [], files = { id: set, ...one }, part = "", keptFor = null, timer = 0;
    const fault = h("p", { class: "alarm", role: "status", hidden: true }), stages = h("div", { class: "stages" }), note = h("small", {}, one.valid ? "" : t("use.invalid"));
    const canvas = h("svg", { viewBox: "0 0 1 1", role: "group", "aria-label": t("use.pose") });
    const render = newest(async (stop) => {
      try {
        image.show(await post("/api/characters/render", { model: choice.value, points, transparent: transparent.checked, ...own.pose() }, { signal: stop }));
        fault.hidden = true;
      } catch (error) {
        if (stop.aborted) throw error;
        fault.textContent = error.message;
        fault.hidden = false;
      }
    });
    const changed = () => {
      files = null;
      mine.edited = true;
      spell();
      drawPoints();
      clearTimeout(timer);
      timer = setTimeout(() => attempt(showStages), 900);
      return attempt(render);
    };
    const keep = (name) => { // one step of undo for all small moves of a point
      if (keptFor !== name) history = [...history.slice(-60), structuredClone(points)];
      keptFor = name;
      undo.disabled = false;
    };
    const back = (to) => {
      points = to;
      keptFor = null;
      undo.disabled = !history.length;
      for (const [slot, input] of colours) input.value = points.palette[slot];
      return changed();
    };
    const filesNow = async () => {
      if (!files) {
        const now = points, found = await post("/api/characters/make", { model: choice.value, points: now, transparent: transparent.checked }, { signal });
        if (now !== points) return filesNow();
        files = { id: found.id, ...found.characters[0] };
      }
      return files;
    };
    const showStages = async () => {
      if (!details.open || !fault.hidden) return;
      const now = await filesNow();
      fill(stages, now.stages.map((name) => {
        const caption = t(`use.stage.${name.slice(now.name.length + 1, -4)}`);
        return h("figure", {}, h("img", { src: file(now.id, name), alt: caption }), h("figcaption", {}, h("small", {}, caption)));
      }));
    };
    const details = h("details", { on: { toggle: () => attempt(showStages) } }, h("summary", {}, t("use.stages")), stages);
    const handles = new Map();
    const drawPoints = () => {
      for (const [name, polygon] of outlines) {
        polygon.setAttribute("points", points.outlines[name].map((pair) => pair.join(",")).join(" "));
        polygon.setAttribute("class", name === part ? "chosen" : "");
      }
      for (const handle of handles.values()) handle();
    };
    const outlines = Object.keys(points.outlines).map((name) => [name, h("polygon", {})]);
    const handleOf = (key, where, move, label, kind) => {
      const node = h("circle", { r: kind ? 0.009 : 0.012, class: kind, tabindex: 0, role: "button" });
      const go = (dx, dy) => { keep(key); move(dx, dy); changed(); };
      let last = null;
      const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };
      node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); last = at(event); keptFor = null; node.focus(); event.preventDefault(); });
      node.addEventListener("pointermove", (event) => {
        if (!last) return;
        const now = at(event);
        go(now[0] - last[0], now[1] - last[1]);
        last = now;
      });
      for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, () => { last = null; });
      node.addEventListener("keydown", (event) => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (!way) return;
        event.preventDefault();
        const step = event.shiftKey ? 0.03 : 0.008;
        go(way[0] * step, way[1] * step);
      });
      handles.set(key, () => {
        const [x, y] = where();
        node.setAttribute("cx", x);
        node.setAttribute("cy", y);
        node.setAttribute("aria-label", label(x.toFixed(2), y.toFixed(2)));
      });
      return node;
    };
    const choosePart = () => {
      part = parts.value;
      handles.clear();
      const nodes = part
        ? points.outlines[part].map((_, at) => handleOf(`${part} ${at}`, () => points.outlines[part][at], (dx, dy) => { points = moveNode(points, part, at, dx, dy); }, (x, y) => t("use.node", { part: named(part), n: at + 1, x, y }), "node"))
        : Object.keys(points.key_points).filter((name) => !UNSEEN.includes(name)).map((name) => handleOf(name, () => points.key_points[name], (dx, dy) => { points = moveKeyPoint(points, name, dx, dy); }, (x, y) => t("use.point", { name: named(name), x, y }), null));
      fill(canvas, outlines.map(([, polygon]) => polygon), nodes);
      drawPoints();
    };
    const parts = h("select", { on: { change: choosePart } }, option("", t("use.noPart")), Object.keys(points.outlines).map((name) => option(name, named(name))));
    const pixels = h("input", { type: "checkbox", checked: true, on: { change: () => image.node.classList.toggle("pixel", pixels.checked) } });
    const undo = h("button", { type: "button", disabled: true, on: { click: () => back(history.pop()) } }, t("use.undo"));
    const original = h("button", { type: "button", on: { click: () => { history = []; back(structuredClone(one.points)); } } }, t("use.original"));
    const colours = about.colours.map((slot) => [slot, h("input", { type: "color", value: points.palette[slot], on: { input: (event) => { keep(`colour ${slot}`); points = { ...points, palette: { ...points.palette, [slot]: event.target.value } }; changed(); } } })]);
    const saving = (key, ending, name) => h("button", { type: "button", on: { click: () => attempt(async () => {
      const now = await filesNow();
      const answer = await fetch(file(now.id, now.files.find((one) => one.endsWith(ending))), { signal });
      if (!answer.ok) { // the server keeps the newest files only; they are made anew next time
        files = null;
        throw new Error((await answer.json().catch(() => ({}))).error ?? t("core.failed", { status: answer.status }));
      }
      saveAs(await answer.blob(), name);
    }) } }, t(key));
    const mine = person = { edited: false, free: () => { clearTimeout(timer); image.free(); } };
    fill(editor, h("div", { class: "row end" }, field(t("use.part"), parts), undo, original, h("label", { class: "row" }, pixels, t("use.pixelated"))),
      h("div", { class: "pose" }, image.node, canvas), fault, note, h("small", {}, t("use.points.about")),
      h("fieldset", { class: "plain" }, h("legend", {}, h("b", {}, t("use.colours"))), h("div", { class: "colours" }, colours.map(([slot, input]) => field(named(slot), input)))),
      details, h("div", { class: "row" }, saving("use.png", ".png", `${one.name}.png`), saving("use.svg", ".svg", `${one.name}.svg`), saving("use.json", ".points.json", `${one.name}.points.json`)));
    editor.hidden = false;
    choosePart();
    editor.scrollIntoView({ block: "nearest" });
    return render();
  };
  signal.addEventListener("abort", () => person?.free());
  const begin = newest(async (stop) => {
    stage = "asking";
    wishes = new Map();
    fill(asking);
    close();
    fill(people);
    status.textContent = t("use.drawing");
    try {
      about = await get(`/api/characters/about?${query({ model: choice.value })}`, { signal: stop });
      stage = "known";
    } finally {
      if (!stop.aborted && stage === "asking") stage = status.textContent = "";
    }
    signal.throwIfAborted();
    wishes = new Map(Object.entries(about.attributes).map(([name, values]) => [name, h("select", { on: { change: again } }, option("", t("use.any")), values.map((value) => option(value, named(value))))]));
    fill(asking, [...wishes].map(([name, select]) => field(named(name), select)));
    await again();
  });
  choice.node.addEventListener("change", () => attempt(begin));
  fill(place, h("div", { class: "split use" },
    h("div", { class: "stack" }, h("section", { class: "panel stack" }, status, people, h("small", {}, t("use.choose"))), editor),
    h("section", { class: "panel stack" }, field(t("use.model"), choice.node), h("div", { class: "row end" }, field(t("use.how"), n), seed.node), asking, h("label", { class: "row" }, transparent, t("use.transparent")), same.node)));
  return begin();
}
