// Photos: files that are dropped, the queue, and one photo in view.

import { attempt, count, duration, equivalent, field, fill, get, h, post, query, t, words } from "../core.js";
import { dropPlace, modelChoice, noModel, option, photoList, thumbnail } from "./use-parts.js";
import { viewer } from "./use-view.js";

words({
  en: {
    "use.strength": "Strength", "use.strength.about": "0: faithful, or the photo itself; 1: all that the model was trained to do", "use.factor": "Times larger", "use.factor.about": "Any number up to 16; empty: the model's own", "use.task": "What to undo", "use.auto": "let the network see", "use.where": "Where", "use.painted": "where I paint, else everywhere", "use.everywhere": "everywhere", "use.scratches": "scratches that are found", "use.alpha": "where it is transparent", "use.colour": "where it has a colour", "use.keyed": "Colour",
    "use.dilate": "Grow by (pixels)", "use.feather": "Fade over (pixels)", "use.format": "Format", "use.formatAuto": "the photo's own", "use.quality": "Quality (JPEG, WebP)", "use.more": "More", "use.preserve": "Keep the photo's colours", "use.flatten": "Make the result opaque",
    "use.run": "Run on all photos", "use.runOne": "Run on this photo", "use.cancel": "Cancel", "use.retry": "Try failed ones again", "use.zip": "Download all (zip)", "use.save": "Download", "use.look": "Open", "use.lookAt": "Open {name}", "use.saveIt": "Download {name}", "use.removeIt": "Remove {name}", "use.photos": "Photos",
    "use.new": "not run yet", "use.waiting": "waiting", "use.running": "running", "use.done": "done", "use.failed": "failed", "use.cancelled": "cancelled", "use.masked": "mask painted", "use.pixels": "{w} × {h}", "use.progress": "{done} of {all} done", "use.progressFailed": "{done} of {all} done, {failed} failed", "use.others": "Also in the queue", "use.otherJob": "{verb}: {n} photos, {state}", "use.close": "Close", "use.video": "video",
    "use.lost": "What is shown here may be old: the studio cannot be asked. Is it still running in the terminal? If it was started again, open the address that it shows there.",
  },
  zh: {
    "use.strength": "强度", "use.strength.about": "0：忠实于原图；1：模型所学的全部效果", "use.factor": "放大倍数", "use.factor.about": "最大 16 倍的任意数；留空则用模型自身倍数", "use.task": "要消除的损伤", "use.auto": "由网络自行判断", "use.where": "处理范围", "use.painted": "我涂抹之处，未涂抹则整张", "use.everywhere": "整张照片", "use.scratches": "自动找到的划痕", "use.alpha": "透明之处", "use.colour": "某种颜色之处", "use.keyed": "颜色",
    "use.dilate": "向外扩展（像素）", "use.feather": "边缘过渡（像素）", "use.format": "格式", "use.formatAuto": "与照片相同", "use.quality": "质量（JPEG、WebP）", "use.more": "更多", "use.preserve": "保留照片的颜色", "use.flatten": "结果不透明",
    "use.run": "处理所有照片", "use.runOne": "处理这张照片", "use.cancel": "取消", "use.retry": "重试失败的照片", "use.zip": "全部下载（zip）", "use.save": "下载", "use.look": "打开", "use.lookAt": "打开 {name}", "use.saveIt": "下载 {name}", "use.removeIt": "移除 {name}", "use.photos": "照片",
    "use.new": "尚未处理", "use.waiting": "等待中", "use.running": "处理中", "use.done": "完成", "use.failed": "失败", "use.cancelled": "已取消", "use.masked": "已涂抹蒙版", "use.pixels": "{w} × {h}", "use.progress": "已完成 {done} / {all}", "use.progressFailed": "已完成 {done} / {all}，失败 {failed}", "use.others": "队列中还有", "use.otherJob": "{verb}：{n} 张照片，{state}", "use.close": "关闭", "use.video": "视频",
    "use.lost": "此处显示的内容可能已过时：无法联系工作台。终端里的程序还在运行吗？如果已重新启动，请打开终端里显示的新地址。",
  },
});

const OUT = { upscale: "upscaled", restore: "restored", stylize: "stylized" };
const OPEN = ["waiting", "running"];
const LOST_AFTER = 3; // questions in a row without an answer

/** The options of a verb as controls; `values` are those of the verb, None as null. */
function optionsOf(use, choice, changed) {
  const number = (value, props) => h("input", { type: "number", value, class: "seed", on: { input: changed }, ...props });
  const read = (input) => (input.value === "" ? null : +input.value);
  const shares = h("output", { class: "soft" }, "1");
  const strength = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: 1, "aria-label": t("use.strength"), on: { input: () => { shares.textContent = strength.value; changed(); } } });
  const format = h("select", { on: { change: changed } }, option("", t("use.formatAuto"), ""), ["png", "jpeg", "webp", "tiff"].map((name) => option(name, name)));
  const quality = number("", { min: 1, max: 100, placeholder: 95 });
  const common = h("div", { class: "field" }, h("span", { class: "row between" }, t("use.strength"), shares), strength, h("small", {}, t("use.strength.about")));
  const more = (...extra) => h("details", {}, h("summary", {}, t("use.more")), h("div", { class: "row end" }, extra, field(t("use.format"), format), field(t("use.quality"), quality)));
  const values = () => ({ strength: +strength.value, format: format.value || null, quality: read(quality) });
  if (use === "upscale") {
    const scale = number("", { min: 0.1, max: 16, step: 0.1 });
    return { nodes: [field(t("use.factor"), scale, t("use.factor.about")), common, more()], values: () => ({ scale: read(scale) || null, ...values() }), update() {} };
  }
  if (use === "stylize") {
    const box = (key) => h("input", { type: "checkbox", "aria-label": t(key), on: { change: changed } });
    const preserve = box("use.preserve"), flatten = box("use.flatten");
    return { nodes: [h("label", { class: "row" }, preserve, t("use.preserve")), h("label", { class: "row" }, flatten, t("use.flatten")), common, more()], values: () => ({ preserve_colour: preserve.checked, flatten: flatten.checked, ...values() }), update() {} };
  }
  const task = h("select", { on: { change: changed } });
  const where = h("select", { on: { change: () => { colour.parentElement.hidden = where.value !== "colour"; changed(); } } }, ["painted", "everywhere", "scratches", "alpha", "colour"].map((name) => option(name, t(`use.${name}`))));
  const colour = h("input", { type: "color", value: "#ff0000", on: { input: changed } });
  const dilate = number("", { min: 0, max: 200 }), feather = number("", { min: 0, max: 200 });
  const keyed = field(t("use.keyed"), colour);
  keyed.hidden = true;
  const mask = () => ({ scratches: "auto", alpha: "alpha", colour: colour.value }[where.value] ?? null);
  return {
    nodes: [field(t("use.task"), task), field(t("use.where"), where), keyed, common, more(field(t("use.dilate"), dilate), field(t("use.feather"), feather))],
    values: () => ({ task: task.value || null, painted: where.value === "painted", mask: mask(), dilate: read(dilate), feather: read(feather), ...values() }),
    update() { // a model undoes what it was trained to
      const chosen = task.value, known = choice.model?.families ?? [...new Set(choice.known.flatMap((model) => model.families))];
      fill(task, option("", t("use.auto"), chosen), known.map((name) => option(name, name, chosen)));
    },
  };
}

export async function show(place, { models, use, chosen, signal }) {
  const choice = modelChoice(models, use, chosen, models.some((model) => model.run === null && model.uses.includes(use)));
  if (!choice.known.length) return fill(place, noModel());
  const photos = await photoList(() => draw(), signal), ids = () => photos.all.map((photo) => photo.id);
  let jobs = [], open = null, shown = null, spelled = "", queued = "";
  const spell = () => {
    const { painted, ...values } = options.values();
    const masked = use === "restore" && painted && photos.all.some((photo) => photo.masked);
    if (use === "restore" && !masked && !values.mask) values.dilate = values.feather = null;
    const all = photos.all, names = all.length && all.length <= 3 ? all.map((photo) => photo.name) : ["photos"];
    const asked = { inputs: names, model: choice.word, ...values, ...(masked ? { mask: all.length === 1 ? "mask.png" : "masks" } : {}), out: OUT[use] };
    if (spelled === (spelled = JSON.stringify(asked))) return;
    same.update(use, asked);
  };
  const same = equivalent(), options = optionsOf(use, choice, spell);
  const list = h("ul", { class: "queue" }), overall = h("p", { class: "soft", role: "status" }), others = h("div", {}), lost = h("div", { role: "alert" }), look = h("section", { class: "panel stack", hidden: true });
  const button = (key, act, kind = "") => h("button", { type: "button", class: kind, on: { click: (event) => attempt(() => act(event)) } }, t(key));
  const submit = async (asked) => {
    await photos.use(async () => {
      await shown?.end();
      await post("/api/jobs", { verb: use, model: choice.value, photos: asked(), ...options.values() });
    });
    await refresh();
  };
  const act = async (what, jobs) => { for (const id of jobs) await post("/api/jobs/act", { id, act: what }); await refresh(); };
  const mine = () => jobs.filter((job) => job.verb === use);
  const run = button("use.run", () => submit(ids), "primary");
  const cancel = button("use.cancel", () => act("cancel", mine().filter((job) => OPEN.includes(job.state)).map((job) => job.id)));
  const retry = button("use.retry", () => act("retry", mine().filter((job) => ["failed", "cancelled"].includes(job.state) && job.items.some((item) => latest(item.photo)?.job === job.id)).map((job) => job.id)));
  const zip = h("a", { class: "button", href: `/api/results/zip?${query({ verb: use })}`, download: `${use}.zip` }, t("use.zip"));
  const clear = button("use.removeAll", () => photos.remove(ids()));
  /** The newest of a photo's items in jobs of this verb. */
  const latest = (id) => {
    for (const job of mine()) {
      const item = job.items.find((one) => one.photo === id);
      if (item) return { ...item, job: job.id };
    }
    return null;
  };
  const rows = new Map();
  const rowOf = (photo) => {
    const state = h("span", { class: "tag" }), bar = h("i", {}), meter = h("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, bar), facts = h("small", {}), fault = h("p", { class: "alarm", hidden: true });
    const save = h("a", { class: "button", hidden: true, "aria-label": t("use.saveIt", { name: photo.name }) }, t("use.save"));
    const opening = photo.size === null ? null : h("button", { type: "button", "aria-label": t("use.lookAt", { name: photo.name }), on: { click: () => attempt(() => view(photo.id)) } }, t("use.look"));
    const removing = h("button", { type: "button", "aria-label": t("use.removeIt", { name: photo.name }), on: { click: () => attempt(() => photos.remove([photo.id])) } }, t("use.remove"));
    const node = h("li", {}, photo.size === null ? h("span", { class: "thumb" }, photo.moves ? t("use.video") : "?") : h("img", { class: "thumb", src: thumbnail(photo), alt: "", loading: "lazy" }),
      h("div", { class: "grow stack tight" }, h("div", { class: "row" }, h("b", { class: "name" }, photo.name), state), facts, meter, fault), h("div", { class: "row" }, opening, save, removing));
    return { node, update(now) {
      const item = latest(now.id), stand = item?.state ?? "new";
      state.textContent = t(`use.${stand}`);
      state.className = `tag ${stand}`;
      const share = item?.parts ? Math.min(100, Math.round((100 * item.done) / item.parts)) : 0;
      meter.hidden = stand !== "running";
      meter.setAttribute("aria-valuenow", share);
      meter.setAttribute("aria-label", now.name);
      bar.style.width = `${share}%`;
      const pixels = (size) => t("use.pixels", { w: size[0], h: size[1] });
      facts.textContent = [now.size ? pixels(now.size) + (item?.size && stand === "done" && `${item.size}` !== `${now.size}` ? ` → ${pixels(item.size)}` : "") : "", now.masked && use === "restore" ? t("use.masked") : "", stand === "done" ? (item.seconds < 10 ? `${item.seconds.toFixed(1)} s` : duration(item.seconds)) : "", ...(item?.notes ?? [])].filter(Boolean).join(" · ");
      fault.hidden = stand !== "failed";
      fault.textContent = item?.reason ?? "";
      save.hidden = !item?.output || stand !== "done";
      if (item?.output) save.href = `/api/results/file?${query({ id: item.job, photo: now.id })}`;
      save.setAttribute("download", item?.output ?? "");
      removing.disabled = OPEN.includes(stand);
      node.classList.toggle("open", open === now.id);
    } };
  };
  const draw = () => {
    if (open && !ids().includes(open)) leave(false);
    for (const [id, row] of rows) if (!ids().includes(id)) { row.node.remove(); rows.delete(id); }
    for (const photo of photos.all) {
      if (!rows.has(photo.id)) { rows.set(photo.id, rowOf(photo)); list.append(rows.get(photo.id).node); }
      rows.get(photo.id).update(photo);
    }
    const states = photos.all.map((photo) => latest(photo.id)?.state ?? "new"), of = (name) => states.filter((state) => state === name).length;
    const text = photos.all.length ? t(of("failed") ? "use.progressFailed" : "use.progress", { done: count(of("done")), all: count(photos.all.length), failed: count(of("failed")) }) : "";
    if (overall.textContent !== text) overall.textContent = text;
    const goes = mine().some((job) => OPEN.includes(job.state));
    run.disabled = !photos.all.length;
    cancel.hidden = !goes;
    retry.hidden = goes || !(of("failed") + of("cancelled"));
    zip.hidden = !of("done");
    clear.hidden = !photos.all.length || goes;
    spell();
    const elsewhere = jobs.filter((job) => job.verb !== use && OPEN.includes(job.state));
    if (queued === (queued = JSON.stringify(elsewhere.map((job) => [job.id, job.state])))) return;
    fill(others, elsewhere.map((job) => h("div", { class: "row" }, h("small", { class: "grow" }, `${t("use.others")}: ${t("use.otherJob", { verb: t(`use.${job.verb}`), n: count(job.items.length), state: t(`use.${job.state}`) })}`), button("use.cancel", () => act("cancel", [job.id])))));
  };
  // --- one photo in view ---
  const leave = (keep) => {
    shown?.free(keep);
    shown = open = null;
    look.hidden = true;
    fill(look);
  };
  const hide = async () => {
    await shown?.end(); // a photo whose mask cannot be kept stays in view, so that nothing is lost
    leave(true);
  };
  let seen = "";
  const view = async (id) => {
    await hide();
    const photo = photos.all.find((one) => one.id === id), item = latest(id);
    if (!photo) return undefined;
    const result = item?.output && item.state === "done" && !/\.(gif|mp4)$/.test(item.output) ? item : null;
    open = id;
    seen = item?.state === "done" ? `${item.job} ${item.seconds}` : "";
    const changed = (row) => { if (ids().includes(row.id)) photos.put(row); };
    const paints = use === "restore" && !photo.moves;
    const made = await photos.use(() => viewer(photo, result, { paints, changed, signal })).catch((error) => { if (open === id) open = null; draw(); throw error; });
    if (open !== id || shown) return made.free();
    shown = made;
    fill(look, h("div", { class: "row" }, h("h2", { class: "grow" }, photo.name), button("use.runOne", () => submit(() => [id]), "primary"),
      result ? h("a", { class: "button", href: `/api/results/file?${query({ id: result.job, photo: id })}`, download: result.output }, t("use.save")) : null, button("use.close", async () => { await hide(); draw(); })), made.node);
    look.hidden = false;
    draw();
    if (!quiet) { look.scrollIntoView({ block: "nearest" }); made.view.focus({ preventScroll: true }); }
    return undefined;
  };
  let quiet = false;
  const refresh = async () => {
    jobs = (await get("/api/jobs", { signal })).jobs;
    draw();
    // What is in view is shown anew when its result is there.
    const item = open ? latest(open) : null;
    if (item?.state === "done" && seen !== (seen = `${item.job} ${item.seconds}`)) {
      quiet = true;
      try { await attempt(() => view(open)); } finally { quiet = false; }
    }
  };
  let timer = 0, failures = 0;
  const poll = async () => {
    try {
      await refresh();
      if (failures) { await photos.read(); fill(lost); } // it may be another server, without these photos
      failures = 0;
    } catch {
      failures += 1;
      if (failures === LOST_AFTER && !signal.aborted) fill(lost, h("p", { class: "alarm" }, t("use.lost")));
    }
    if (!signal.aborted) timer = setTimeout(poll, jobs.some((job) => OPEN.includes(job.state)) ? 500 : 3000);
  };
  signal.addEventListener("abort", () => { clearTimeout(timer); shown?.free(); });
  choice.node.addEventListener("change", () => { options.update(); spell(); });
  options.update();
  fill(place, h("div", { class: "split use" },
    h("div", { class: "stack" }, dropPlace(photos.put, signal), look,
      h("section", { class: "panel stack" }, h("div", { class: "row" }, h("h2", { class: "grow" }, t("use.photos")), run, cancel, zip, retry, clear), lost, overall, list, others)),
    h("section", { class: "panel stack" }, field(t("use.model"), choice.node), options.nodes, same.node)));
  draw();
  return poll();
}
