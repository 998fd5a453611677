// One run, or two beside each other: samples over time, curves, health, what to do next.

import { attempt, count, fill, get, h, newest, post, query, regularly, say, short, t, words } from "../core.js";
import { lineChart } from "../charts.js";
import { alarmText, chart as inWords, fact, health, state } from "../sentences.js";
import { picture, progressOf, runAddress, stateOf, tag } from "./runs.js";

words({
  en: {
    "watch.samples": "Samples from the same latents", "watch.inputs": "Input, result and, where it is known, the truth", "watch.real": "Real images", "watch.at": "after {n} images", "watch.time": "Moment of the run",
    "watch.waiting": "The first samples come with the first snapshot.", "watch.play": "Play", "watch.live": "newest", "watch.health": "How it stands", "watch.todo": "What to do: {text}",
    "watch.curves": "Curves", "watch.scores": "Scores", "watch.score": "Score", "watch.this": "This model", "watch.ideal": "Real data", "watch.classes": "Class by class", "watch.copies": "Nearest training images",
    "watch.pairs": "Each pair: a sample on the left, its nearest training image on the right", "watch.pause": "Pause", "watch.resume": "Resume", "watch.finish": "End here and score", "watch.more": "Go on", "watch.minutes": "Minutes more",
    "watch.saved": "Asked to pause; it saves everything first.", "watch.asked": "Started.", "watch.report": "Report", "watch.use": "Use it", "watch.images": "images seen", "watch.facts": "Facts", "watch.next": "Commands",
    "watch.data": "Data", "watch.preset": "Preset", "watch.speed": "Speed", "watch.rate": "{n} images/s", "watch.gone": "This run is no longer there.", "watch.folder": "Folder", "watch.batch": "As the discriminator sees them", "watch.none": "Nothing measured yet.",
  },
  zh: {
    "watch.samples": "同一组潜变量生成的样本", "watch.inputs": "输入、结果，以及已知的真值", "watch.real": "真实图像", "watch.at": "看过 {n} 张图像之后", "watch.time": "训练时刻",
    "watch.waiting": "第一次快照之后会出现样本。", "watch.play": "播放", "watch.live": "最新", "watch.health": "训练状况", "watch.todo": "建议：{text}",
    "watch.curves": "曲线", "watch.scores": "评分", "watch.score": "指标", "watch.this": "本模型", "watch.ideal": "真实数据", "watch.classes": "各类别情况", "watch.copies": "最近的训练图像",
    "watch.pairs": "每一对：左边是样本，右边是与它最近的训练图像", "watch.pause": "暂停", "watch.resume": "继续", "watch.finish": "就此结束并评分", "watch.more": "继续训练", "watch.minutes": "再训练（分钟）",
    "watch.saved": "已请求暂停；会先保存全部状态。", "watch.asked": "已启动。", "watch.report": "报告", "watch.use": "使用模型", "watch.images": "已看图像数", "watch.facts": "信息", "watch.next": "命令",
    "watch.data": "数据", "watch.preset": "预设", "watch.speed": "速度", "watch.rate": "每秒 {n} 张", "watch.gone": "这次训练已经不在了。", "watch.folder": "文件夹", "watch.batch": "判别器看到的图像", "watch.none": "还没有测量结果。",
  },
});

/** The sample sheets of a run with a slider over time; it follows the newest until it is moved. */
function timeline(id, translates) {
  let names = [], at = -1, playing = 0;
  const sheet = h("img", { class: "sheet", alt: "" });
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": t("watch.time") });
  const label = h("small", { "aria-live": "off" });
  const play = h("button", { type: "button" }, t("watch.play"));
  const draw = () => {
    const index = at < 0 ? names.length - 1 : Math.min(at, names.length - 1);
    if (index < 0) return;
    const text = t("watch.at", { n: count(+names[index]) });
    if (sheet.dataset.name !== names[index]) {
      sheet.dataset.name = names[index];
      sheet.src = picture(id, names[index]);
    }
    sheet.alt = `${t(translates ? "watch.inputs" : "watch.samples")}, ${text}`;
    slider.max = names.length - 1;
    slider.value = index;
    slider.setAttribute("aria-valuetext", text);
    label.textContent = at < 0 ? `${text} (${t("watch.live")})` : text;
  };
  slider.addEventListener("input", () => {
    at = +slider.value >= names.length - 1 ? -1 : +slider.value;
    draw();
  });
  const stop = () => { clearInterval(playing); playing = 0; };
  play.addEventListener("click", () => {
    if (playing) return stop();
    at = 0;
    draw();
    playing = setInterval(() => {
      at += 1;
      if (at >= names.length - 1) { at = -1; stop(); }
      draw();
    }, 350);
    return undefined;
  });
  const waiting = h("p", { class: "soft" }, t("watch.waiting"));
  const node = h("section", { class: "panel" }, h("h2", {}, t(translates ? "watch.inputs" : "watch.samples")), waiting, sheet, h("div", { class: "row" }, play, h("div", { class: "grow" }, slider), label));
  return { node, stop, update: (found) => { names = found; waiting.hidden = names.length > 0; draw(); } };
}

function scoreTable(detail) {
  if (detail.comparison.length) {
    return table(detail.comparison[0], detail.comparison.slice(1));
  }
  if (!detail.scores.length) return null;
  return h("div", {}, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("watch.score")), h("th", { class: "number", scope: "col" }, t("watch.this")), h("th", { class: "number", scope: "col" }, t("watch.ideal")))),
    h("tbody", {}, detail.scores.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name, row.meaning ? h("small", { style: { display: "block" } }, row.meaning) : null),
      h("td", { class: "number" }, h("b", {}, short(row.value)), row.deviation === null ? "" : h("small", {}, ` ± ${short(row.deviation)}`)), h("td", { class: "number" }, row.floor === null ? "" : short(row.floor)))))),
  h("small", {}, detail.protocol.join(" ")));
}

function table(head, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": head[0] }, h("table", {}, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, i) => (i ? h("td", {}, cell) : h("th", { scope: "row" }, cell))))))));
}

async function drawRun(place, id, alone, signal) {
  let detail = await get(`/api/run?${query({ id })}`, { signal });
  const samples = timeline(id, detail.translates);
  let shownStanding = "", shownBelow = ""; // what is not new is not drawn again, nor is the focus lost in it
  signal.addEventListener("abort", samples.stop);
  const head = h("div", { class: "stack" }), standing = h("section", { class: "panel", "aria-live": "polite" });
  const below = h("div", { class: "stack" }), curves = h("div", { class: "curves" }), buttons = h("div", { class: "row end" });
  const minutes = h("input", { type: "number", min: 1, max: 100000, value: 5, style: { width: "6em" } });
  const act = (what, said) => attempt(async () => {
    await post("/api/run/act", { id, act: what, minutes: Math.max(0.1, +minutes.value || 5) });
    if (said) fill(note, t(said));
    await refresh();
  });
  const note = h("small", { role: "status" });
  const button = (key, what, said, kind = "") => h("button", { type: "button", class: kind, on: { click: () => act(what, said) } }, t(key));
  const drawHead = (card) => {
    const now = stateOf(card);
    fill(head, h("div", { class: "row" }, h(alone ? "h1" : "h2", { class: "grow" }, alone ? id : h("a", { href: runAddress(id) }, id)), tag(card)), progressOf(card), card.fault ? h("p", { class: "alarm" }, card.fault) : null);
    const key = [now, card.has_model, detail.has_report].join();
    if (buttons.dataset.state !== key) {
      buttons.dataset.state = key;
      fill(buttons,
        now === "running" ? button("watch.pause", "stop", "watch.saved") : null,
        now === "paused" || now === "cut off" || now === "failed" ? button("watch.resume", "resume", "watch.asked", "primary") : null,
        (now === "paused" || now === "cut off") && card.has_model ? button("watch.finish", "finish", "watch.asked") : null,
        now === "done" ? [h("label", { class: "field" }, h("span", {}, t("watch.minutes")), minutes), button("watch.more", "more", "watch.asked", "primary")] : null,
        card.has_model ? h("a", { class: "button", href: `#/use/${encodeURIComponent(id)}` }, t("watch.use")) : null,
        detail.has_report ? h("a", { class: "button", href: `#/report/${encodeURIComponent(id)}` }, t("watch.report")) : null, note);
    }
  };
  const drawRest = () => {
    samples.update(detail.pictures);
    const shown = JSON.stringify([detail.health, detail.alarms, detail.sentence, detail.headline, detail.speed]);
    if (shown === shownStanding) return drawBelow();
    shownStanding = shown;
    const top = detail.headline;
    fill(standing, h("h2", {}, t("watch.health")),
      h("p", { class: "health" }, detail.health ? health(detail.health) : t("watch.none")),
      detail.alarms.map((alarm) => h("p", { class: "alarm" }, alarmText(alarm), alarm.remedy ? h("small", {}, t("watch.todo", { text: alarm.remedy })) : null)),
      h("p", {}, state(detail.sentence)),
      top ? h("p", { class: "headline" }, short(top.value), h("small", { class: "soft" }, ` ${top.name}${top.floor === null ? "" : ` · ${t("runs.real", { value: short(top.floor) })}`}`)) : null,
      h("dl", { class: "facts" }, [[t("watch.data"), detail.data], [t("watch.preset"), detail.preset], [t("watch.folder"), detail.path], [t("watch.speed"), detail.speed ? t("watch.rate", { n: short(detail.speed) }) : null], ...Object.entries(detail.facts).map(([name, value]) => [fact(name), value])]
        .filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])));
    return drawBelow();
  };
  const drawBelow = () => {
    const settled = JSON.stringify([detail.scores, detail.classes, detail.copies, detail.others, detail.commands]);
    if (!alone || settled === shownBelow) return;
    shownBelow = settled;
    const others = (name, caption) => (detail.others.includes(name) ? h("section", { class: "panel" }, h("h2", {}, caption), h("img", { class: "sheet", src: picture(id, name), alt: caption, loading: "lazy" })) : null);
    const scored = scoreTable(detail), classes = detail.classes;
    fill(below,
      scored ? h("section", { class: "panel" }, h("h2", {}, t("watch.scores")), scored) : null,
      classes ? h("section", { class: "panel" }, h("h2", {}, t("watch.classes")), classes.hard ? [h("p", {}, classes.hard[0]), h("ul", {}, classes.hard[1].map((text) => h("li", {}, text)))] : null, table(classes.table[0], classes.table.slice(1))) : null,
      detail.others.includes("copies") ? h("section", { class: "panel" }, h("h2", {}, t("watch.copies")), detail.copies.map((text) => h("p", {}, text)), h("img", { class: "sheet", src: picture(id, "copies"), alt: t("watch.pairs"), loading: "lazy" }), h("small", {}, t("watch.pairs"))) : null,
      others("first-batch", t("watch.batch")),
      detail.commands.length ? h("details", { class: "panel equivalent" }, h("summary", {}, t("watch.next")), detail.commands.map((one) => h("div", { class: "code" }, h("code", { tabindex: 0 }, one.text), h("small", {}, one.purpose)))) : null);
  };
  const drawCurves = newest(async (stop) => {
    const found = await get(`/api/run/curves?${query({ id })}`, { signal: stop });
    fill(curves, (alone ? found.charts : found.charts.slice(0, 4)).map((chart) => lineChart(inWords(chart), found.marks, t("watch.images"))));
  });
  const refresh = newest(async (stop) => {
    detail = await get(`/api/run?${query({ id })}`, { signal: stop });
    drawHead(detail);
    drawRest();
    if (!curves.matches(":hover")) await drawCurves(); // whoever reads values there is left in peace
  });
  fill(place, head, buttons, h("div", { class: alone ? "split" : "stack" }, samples.node, h("div", { class: "stack" }, standing,
    detail.others.includes("real") ? h("section", { class: "panel" }, h("h2", {}, t("watch.real")), h("img", { class: "sheet", src: picture(id, "real"), alt: t("watch.real") })) : null)),
  h("section", { class: "stack" }, h("h2", {}, t("watch.curves")), curves), below);
  drawHead(detail);
  drawRest();
  drawCurves().catch(() => {});
  follow(id, signal, (card) => {
    const changed = ["measured", "picture", "health", "fault", "has_model"].some((name) => card[name] !== detail[name]) || stateOf(card) !== stateOf(detail);
    drawHead(card);
    if (changed) refresh().catch(() => {});
  });
}

/** Calls `act` with the card of a run whenever it changes: by events, or by asking again and again.
 * A hidden page holds no connection: a browser has few of them for all its tabs. */
function follow(id, signal, act) {
  let source = null, asking = false;
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || document.hidden || signal.aborted) return;
    source = new EventSource(`/api/run/stream?${query({ id })}`);
    source.onmessage = (event) => act(JSON.parse(event.data));
    source.addEventListener("gone", () => { close(); gone = true; say(t("watch.gone"), "error"); });
    source.onerror = close;
  };
  let gone = false;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()), { signal });
  signal.addEventListener("abort", close);
  open();
  regularly(async () => {
    if (source || asking || gone) return;
    asking = true;
    try {
      act(await get(`/api/run?${query({ id })}`, { signal }));
      open();
    } catch (error) {
      if (error.status === 404) { gone = true; say(t("watch.gone"), "error"); }
    } finally {
      asking = false;
    }
  }, 2000, signal);
}

export async function show(main, { parts, signal }) {
  const places = parts.slice(0, 2).map(() => h("div", { class: "stack" }));
  fill(main, places.length > 1 ? h("div", { class: "split two" }, places) : places);
  await Promise.all(parts.slice(0, 2).map((id, i) => drawRun(places[i], id, places.length === 1, signal)));
}
