// A new run: which images, what for, how; what it would take; begin.

import { attempt, count, droppable, duration, equivalent, field, fill, get, h, newest, post, put, query, t, words } from "../core.js";

words({
  en: {
    "new.title": "New run", "new.data": "1. Images", "new.known": "Known data sets", "new.path": "Path", "new.browse": "Browse", "new.up": "Up", "new.here": "Choose this folder", "new.images": "{n} images here",
    "new.drop": "Drop images, a folder or a zip here, or", "new.choose": "choose files", "new.sending": "{done} of {all} files received", "new.refused": "{n} files are no images and were left out", "new.looking": "Reading every file …", "new.look": "Look at them", "new.sheet": "Some of the images", "new.nothing": "Choose images first.",
    "new.what": "2. What for", "new.how": "3. How", "new.preset": "Preset", "new.automatic": "the one that suits", "new.length": "How long", "new.minutes": "{n} minutes", "new.preset.images": "As the preset says", "new.own": "Minutes of your own", "new.size": "Size of the networks",
    "new.small": "Small, fastest", "new.usual": "Usual", "new.large": "Large, slowest", "new.resolution": "Side in pixels", "new.asis": "As the images are", "new.classes": "Tell both networks the class of each image", "new.seed": "Seed", "new.name": "Name of the run", "new.more": "More settings",
    "new.plan": "What would happen", "new.planning": "Measuring for some seconds …", "new.would": "{images} images, about {time}", "new.begin": "Begin", "new.chosen": "Chosen: {data}", "new.report": "All that was found", "new.outside": "Folders",
    "task.generate": "Generate", "task.generate.about": "Draw new images like these.", "task.classify": "Classify", "task.classify.about": "Tell classes apart, from few labels.", "task.upscale": "Upscale", "task.upscale.about": "Make photos larger.", "task.restore": "Restore", "task.restore.about": "Undo damage in photos.",
    "task.stylize": "Stylize", "task.stylize.about": "From one kind of picture to another (folders A and B).", "task.characters": "Characters", "task.characters.about": "Figures in parts, from images with maps.",
  },
  zh: {
    "new.title": "新建训练", "new.data": "1. 图像", "new.known": "已知数据集", "new.path": "路径", "new.browse": "浏览", "new.up": "上一级", "new.here": "选择此文件夹", "new.images": "此处有 {n} 张图像",
    "new.drop": "把图像、文件夹或 zip 拖到这里，或", "new.choose": "选择文件", "new.sending": "已接收 {done} / {all} 个文件", "new.refused": "{n} 个文件不是图像，已忽略", "new.looking": "正在读取每个文件……", "new.look": "检查数据", "new.sheet": "部分图像", "new.nothing": "请先选择图像。",
    "new.what": "2. 用途", "new.how": "3. 方式", "new.preset": "预设", "new.automatic": "自动选择合适的预设", "new.length": "训练多久", "new.minutes": "{n} 分钟", "new.preset.images": "按预设", "new.own": "自定分钟数", "new.size": "网络规模",
    "new.small": "小，最快", "new.usual": "标准", "new.large": "大，最慢", "new.resolution": "边长（像素）", "new.asis": "与图像一致", "new.classes": "把每张图像的类别告诉两个网络", "new.seed": "随机种子", "new.name": "训练名称", "new.more": "更多设置",
    "new.plan": "预估", "new.planning": "正在测量，需要几秒……", "new.would": "{images} 张图像，约 {time}", "new.begin": "开始", "new.chosen": "已选择：{data}", "new.report": "完整的检查结果", "new.outside": "文件夹",
    "task.generate": "生成", "task.generate.about": "画出与这些图像相似的新图像。", "task.classify": "分类", "task.classify.about": "用少量标签区分类别。", "task.upscale": "放大", "task.upscale.about": "提高照片分辨率。", "task.restore": "修复", "task.restore.about": "去除照片中的损伤。",
    "task.stylize": "风格迁移", "task.stylize.about": "从一类图像变成另一类（文件夹 A 与 B）。", "task.characters": "角色", "task.characters.about": "由部件构成的人物，需要带部件图的图像。",
  },
});

const TASKS = ["generate", "classify", "upscale", "restore", "stylize", "characters"];
const MINUTES = [5, 15, 60];

/** Radio buttons as cards or as one bar. */
function radios(kind, name, label, rows, act) {
  const inner = rows.map(([value, title, about], i) => h("label", { class: kind === "choices" ? "choice" : "" },
    h("input", { type: "radio", name, value, checked: i === 0, on: { change: () => act(value) } }), kind === "choices" ? h("b", {}, title) : title, about ? h("small", { class: "soft" }, about) : null));
  return h("fieldset", { class: kind }, h("legend", { class: "visually-hidden" }, label), inner);
}

const FRESH = { data: null, task: "generate", preset: null, minutes: 5, images: null, size: null, resolution: null, conditional: null, seed: null, name: null };
let asked = { ...FRESH }; // what was chosen stays when the page is left, or its language changed

export async function show(main, { signal }) {
  const choices = await get("/api/choices", { signal });
  asked = { ...FRESH, data: asked.data, task: asked.task, minutes: asked.minutes, name: asked.name };
  const same = equivalent();
  const chosen = h("p", { role: "status" }, t("new.nothing"));
  const looked = h("div", { class: "stack" }), planned = h("p", { role: "status" }), places = h("div", {});
  const path = h("input", { type: "text", placeholder: "/…", autocomplete: "off" });
  const begin = h("button", { type: "button", class: "primary", disabled: true, on: { click: start } }, t("new.begin"));
  const dry = h("button", { type: "button", disabled: true, on: { click: () => attempt(plan) } }, t("new.plan"));

  function body() {
    const values = { ...asked };
    if (values.task === "generate" && values.preset) values.task = null;
    return values;
  }
  function changed() {
    const { name, ...values } = body();
    if (name) values.out = `runs/${name}`;
    fill(planned);
    if (asked.data) same.update("train", values);
  }
  async function choose(data) {
    asked.data = data;
    chosen.textContent = t("new.chosen", { data });
    begin.disabled = dry.disabled = false;
    changed();
    await attempt(() => look(data));
  }
  const look = newest(async (data, stop) => {
    fill(looked, h("p", { class: "soft" }, t("new.looking")));
    let found;
    try {
      found = await post("/api/look", { data }, { signal: stop });
    } catch (error) {
      if (!stop.aborted) fill(looked, h("p", { class: "alarm" }, error.message));
      return;
    }
    const [first, ...rest] = found.text.split("\n");
    fill(looked, h("h3", {}, first), found.sheet && h("img", { class: "sheet", src: `/api/look/sheet?${query({ which: found.sheet })}`, alt: t("new.sheet") }),
      rest.length ? h("details", {}, h("summary", {}, t("new.report")), h("pre", { class: "scroll", tabindex: 0 }, rest.join("\n"))) : null);
  });
  const plan = newest(async (stop) => {
    fill(planned, t("new.planning"));
    try {
      const found = await post("/api/plan", body(), { signal: stop });
      fill(planned, h("b", {}, t("new.would", { images: count(found.images), time: duration(found.seconds) })), " ", h("small", { class: "soft" }, `${found.data_summary}; ${found.precision}; ${found.pace}`));
    } catch (error) {
      fill(planned);
      throw error;
    }
  });
  async function start() {
    begin.disabled = true;
    const found = await attempt(() => post("/api/runs", body()));
    begin.disabled = false;
    if (found) {
      asked = { ...FRESH };
      location.hash = "#/runs";
    }
  }
  async function open(where) {
    const found = await get(`/api/folders?${query({ path: where })}`, { signal });
    const go = (text, act) => h("li", {}, h("button", { type: "button", on: { click: act } }, text));
    fill(places, h("div", { class: "row" }, h("b", { class: "grow" }, found.path ?? t("new.outside")),
      found.path ? h("button", { type: "button", class: "primary", on: { click: () => choose(found.path) } }, t("new.here")) : null),
    found.path ? h("small", { class: "soft" }, t("new.images", { n: count(found.images) })) : null,
    h("ul", { class: "picker" }, found.path ? go(`↑ ${t("new.up")}`, () => attempt(() => open(found.parent))) : null,
      found.folders.map((one) => go(`📁 ${one.name}`, () => attempt(() => open(one.path)))),
      found.files.map((one) => go(one.name, () => choose(one.path)))));
  }
  async function send(files) {
    if (!files.length) return;
    const upload = await post("/api/uploads/new");
    let refused = 0, done = 0, only = null;
    for (const [name, file] of files) {
      try {
        only = (await put(`/api/uploads?${query({ id: upload.id, name })}`, file, { signal })).path;
      } catch (error) {
        if (!error.status) throw error; // the server is gone
        refused += 1;
      }
      chosen.textContent = t("new.sending", { done: ++done, all: files.length });
    }
    if (done === refused) throw new Error(t("new.refused", { n: refused }));
    await choose(done - refused === 1 && /\.(zip|npz|npy)$/i.test(only) ? only : upload.path);
    if (refused) chosen.textContent += ` (${t("new.refused", { n: refused })})`;
  }
  const input = h("input", { type: "file", multiple: true, class: "visually-hidden", tabindex: -1, "aria-label": t("new.choose"), on: { change: (event) => {
    const files = [...event.target.files].map((file) => [file.webkitRelativePath || file.name, file]);
    event.target.value = ""; // so that the same ones can be chosen again
    attempt(() => send(files));
  } } });
  const drop = h("div", { class: "drop" }, `${t("new.drop")} `, h("button", { type: "button", on: { click: () => input.click() } }, t("new.choose")), input);
  droppable(drop, send);
  const known = h("select", { on: { change: (event) => { if (event.target.value) choose(event.target.value); } } },
    h("option", { value: "" }, "–"), choices.data.map((one) => h("option", { value: one.name }, `${one.name}: ${one.about}`)));

  const presets = h("select", { on: { change: (event) => { asked.preset = event.target.value || null; changed(); } } });
  function drawPresets() {
    asked.preset = null;
    fill(presets, h("option", { value: "" }, t("new.automatic")), choices.presets.filter((one) => one.task === asked.task).map((one) => h("option", { value: one.name }, `${one.name}: ${one.about}`)));
  }
  drawPresets();
  const number = (name, limits) => h("input", { type: "number", ...limits, on: { change: (event) => { asked[name] = event.target.value === "" ? null : +event.target.value; changed(); } } });
  const own = number("minutes", { min: 0.1, max: 100000, step: "any" });
  const setLength = (value) => {
    asked.minutes = value === "" ? null : +value;
    own.value = value;
    changed();
  };
  // The bar shows what the number says: one of its own, none, or that of the preset.
  const showLength = () => { for (const radio of length.querySelectorAll("input")) radio.checked = radio.value === (asked.minutes === null ? "" : String(asked.minutes)); };
  own.addEventListener("change", () => showLength());
  const length = radios("segmented", "length", t("new.length"), [...MINUTES.map((n) => [n, t("new.minutes", { n })]), ["", t("new.preset.images")]], setLength);
  const size = radios("segmented", "size", t("new.size"), [[1, t("new.usual")], [0.5, t("new.small")], [2, t("new.large")]], (value) => { asked.size = value === 1 ? null : value; changed(); });
  const name = h("input", { type: "text", maxlength: 80, on: { change: (event) => { asked.name = event.target.value.trim() || null; changed(); } } });

  fill(main, h("div", { class: "stack" }, h("h1", {}, t("new.title")),
    h("section", { class: "panel stack" }, h("h2", {}, t("new.data")), drop,
      h("div", { class: "row end" }, field(t("new.known"), known),
        h("form", { class: "row end grow", on: { submit: (event) => { event.preventDefault(); if (path.value.trim()) choose(path.value.trim()); } } }, h("div", { class: "grow" }, field(t("new.path"), path)), h("button", { type: "submit" }, t("new.look")),
          h("button", { type: "button", on: { click: () => attempt(() => open(null)) } }, t("new.browse")))),
      places, chosen, looked),
    h("section", { class: "panel stack" }, h("h2", {}, t("new.what")), radios("choices", "task", t("new.what"), TASKS.map((one) => [one, t(`task.${one}`), t(`task.${one}.about`)]), (value) => { asked.task = value; drawPresets(); changed(); })),
    h("section", { class: "panel stack" }, h("h2", {}, t("new.how")), h("div", { class: "row end" }, h("div", {}, h("h3", {}, t("new.length")), length), field(t("new.own"), own), h("div", {}, h("h3", {}, t("new.size")), size)),
      h("details", {}, h("summary", {}, t("new.more")), h("div", { class: "row end" }, field(t("new.preset"), presets), field(t("new.resolution"), number("resolution", { min: 16, max: 256, placeholder: t("new.asis") })), field(t("new.seed"), number("seed", { min: 0, max: 2147483647 })), field(t("new.name"), name),
        h("label", { class: "row" }, h("input", { type: "checkbox", on: { change: (event) => { asked.conditional = event.target.checked || null; changed(); } } }), t("new.classes")))),
      same.node, planned, h("div", { class: "row" }, begin, dry))));
  own.value = asked.minutes ?? "";
  showLength();
  for (const radio of main.querySelectorAll("input[name=task]")) radio.checked = radio.value === asked.task;
  name.value = asked.name ?? "";
  if (asked.data) await choose(asked.data);
}

