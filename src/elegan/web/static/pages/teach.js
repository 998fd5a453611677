// The article's chapter, played: both players move by move, in the plane and on digits.

import { lineChart } from "../charts.js";
import { attempt, field, fill, get, h, post, say, short, t, words } from "../core.js";

words({
  en: {
    "teach.title": "Two players learn from each other", "teach.intro": "The generator turns noise into points and wants them taken for real ones. The discriminator says how likely each point is to be real. They move in turn, by the same loop that trains images here.",
    "teach.plane": "Points", "teach.digits": "Digits", "teach.d": "One D step", "teach.g": "One G step", "teach.both": "One of each", "teach.run": "Run", "teach.pause": "Pause", "teach.speed": "Steps at a time", "teach.again": "Begin anew",
    "teach.target": "Real points", "teach.ring": "Eight clusters in a ring", "teach.grid": "Nine clusters in a grid", "teach.moons": "Two moons", "teach.spiral": "A spiral", "teach.drawn": "Draw your own", "teach.draw": "Draw a line with the pointer on the field; lift it to begin.",
    "teach.settings": "Rules of the game", "teach.loss": "Loss", "teach.grate": "Generator's rate", "teach.drate": "Discriminator's rate", "teach.r1": "R1 penalty", "teach.moves": "D steps for each G step", "teach.points": "Real points to learn from", "teach.width": "Width of both networks", "teach.kind": "What is played on",
    "teach.lessons": "What can go wrong", "teach.free": "Nothing: a fair game", "teach.mend": "Show the remedy", "teach.wrong": "Show what goes wrong",
    "teach.collapse": "Mode collapse", "teach.collapse.wrong": "Both move fast and nothing restrains the discriminator. The generator chases one cluster after another and never holds more than a few. Run it and watch the clusters that are covered.", "teach.collapse.mended": "The same nine clusters with rates of a tenth and a fifth, two D steps for each of G's, and a small R1 penalty, which keeps the field smooth. The points spread over nearly all clusters.",
    "teach.winning": "The discriminator wins", "teach.winning.wrong": "The discriminator has had 300 steps alone and is nearly always right. With the minimax loss of the first paper its field is flat where generated points lie: the arrows all but vanish, and the generator is told next to nothing.", "teach.winning.mended": "The same lead, but the non-saturating loss, whose arrows are long just where the discriminator is sure, and an R1 penalty. The generator catches up.",
    "teach.memorising": "Memorising", "teach.memorising.wrong": "Six real points and wide networks. The discriminator learns them by heart, and so the generator returns to those six and draws nothing between them. A large data set is the remedy, or augmentation.", "teach.memorising.mended": "The same networks with 2,000 points of the same two moons and a small R1 penalty: the generated points lie all along the moons.",
    "teach.layer.field": "D's field", "teach.layer.real": "real", "teach.layer.made": "generated", "teach.layer.grid": "G's grid", "teach.layer.arrows": "where G should go",
    "teach.noise": "Sample noise: {count} vectors", "teach.generate": "G turns them into {count} samples", "teach.score.d": "D scores both: real {real}, generated {fake}", "teach.score.g": "D scores them: {fake}", "teach.lossd": "D's loss: {value}", "teach.lossg": "G's loss: {value}", "teach.backd": "Backpropagate through D: gradient {norm}", "teach.backg": "Backpropagate through D into G: gradient {norm}", "teach.updd": "Update D, rate {rate}. G stays as it is.", "teach.updg": "Update G, rate {rate}. D stays as it is.",
    "teach.gone": "That game was given up, for too many were open. This is a new one.", "teach.start": "Nobody has moved yet. Press a button.", "teach.state": "{d} D steps and {g} G steps. D is right on {accuracy}.", "teach.modes": "{covered} of {of} clusters are covered.", "teach.near": "Half of the generated points lie within {near} of a real one.", "teach.probabilities": "D takes real digits for real with {real}, generated ones with {fake}.",
    "teach.box.noise": "noise", "teach.box.g": "generator G", "teach.box.made": "generated", "teach.box.real": "real", "teach.box.d": "discriminator D", "teach.box.p": "real?", "teach.flow": "Noise goes through the generator to generated data; these and real data go to the discriminator, which gives a probability.",
    "teach.losses": "Losses", "teach.accuracy": "D is right on", "teach.steps": "steps", "teach.canvas": "The plane: the discriminator's field from orange (generated) to blue (real), real and generated points", "teach.realdigits": "Real digits", "teach.madedigits": "The same 64 noise vectors, generated", "teach.layers": "Shown", "teach.happened": "What just happened", "teach.lossD": "D's loss", "teach.lossG": "G's loss", "teach.share": "share",
  },
  zh: {
    "teach.title": "两个网络在对抗中学习", "teach.intro": "生成器把噪声变成点，希望它们被当成真的；判别器判断每个点是真实样本的概率。双方轮流行动，用的就是这里训练图像的同一个训练循环。",
    "teach.plane": "平面点", "teach.digits": "手写数字", "teach.d": "判别器走一步", "teach.g": "生成器走一步", "teach.both": "各走一步", "teach.run": "运行", "teach.pause": "暂停", "teach.speed": "每次步数", "teach.again": "重新开始",
    "teach.target": "真实点", "teach.ring": "排成一圈的八个簇", "teach.grid": "排成方格的九个簇", "teach.moons": "两个月牙", "teach.spiral": "螺旋线", "teach.drawn": "自己画", "teach.draw": "用指针在图上画一条线，松开即开始。",
    "teach.settings": "游戏规则", "teach.loss": "损失函数", "teach.grate": "生成器学习率", "teach.drate": "判别器学习率", "teach.r1": "R1 惩罚", "teach.moves": "生成器每走一步，判别器走几步", "teach.points": "可供学习的真实点数", "teach.width": "两个网络的宽度", "teach.kind": "在什么数据上玩",
    "teach.lessons": "可能出什么问题", "teach.free": "没有问题：公平的对局", "teach.mend": "看看怎样补救", "teach.wrong": "看看问题本身",
    "teach.collapse": "模式崩溃", "teach.collapse.wrong": "双方都走得太快，判别器又不受任何约束。生成器追着一个又一个簇跑，始终只能占住很少几个。运行起来，注意被覆盖的簇数。", "teach.collapse.mended": "还是这九个簇，学习率降到十分之一和五分之一，生成器每走一步判别器走两步，再加一点 R1 惩罚让判别面保持平滑。生成的点几乎铺满所有的簇。",
    "teach.winning": "判别器完胜", "teach.winning.wrong": "判别器先独自走了 300 步，几乎从不出错。用最早论文里的极小极大损失时，生成点所在之处判别面是平的：箭头几乎消失，生成器得不到任何指引。", "teach.winning.mended": "判别器同样领先，但换成非饱和损失（判别器越有把握，箭头越长）并加上 R1 惩罚。生成器追了上来。",
    "teach.memorising": "死记硬背", "teach.memorising.wrong": "只有六个真实点，网络却很宽。判别器把它们背了下来，生成器也就只会回到这六个点，中间什么也画不出。补救办法是更多数据，或者数据增强。", "teach.memorising.mended": "同样的网络，换成同样两个月牙上的 2,000 个点，加一点 R1 惩罚：生成的点沿着整个月牙分布。",
    "teach.layer.field": "判别面", "teach.layer.real": "真实点", "teach.layer.made": "生成点", "teach.layer.grid": "生成器的网格", "teach.layer.arrows": "生成点该往哪走",
    "teach.noise": "采样噪声：{count} 个向量", "teach.generate": "生成器把它们变成 {count} 个样本", "teach.score.d": "判别器打分：真实 {real}，生成 {fake}", "teach.score.g": "判别器给它们打分：{fake}", "teach.lossd": "判别器的损失：{value}", "teach.lossg": "生成器的损失：{value}", "teach.backd": "在判别器中反向传播：梯度 {norm}", "teach.backg": "经判别器反向传播到生成器：梯度 {norm}", "teach.updd": "更新判别器，学习率 {rate}；生成器不变。", "teach.updg": "更新生成器，学习率 {rate}；判别器不变。",
    "teach.gone": "打开的对局太多，原来那一局已被放弃。这是新的一局。", "teach.start": "双方都还没有动。按一个按钮。", "teach.state": "判别器走了 {d} 步，生成器走了 {g} 步。判别器的正确率为 {accuracy}。", "teach.modes": "{of} 个簇中覆盖了 {covered} 个。", "teach.near": "一半的生成点离某个真实点不超过 {near}。", "teach.probabilities": "判别器认为真实数字为真的概率是 {real}，认为生成数字为真的概率是 {fake}。",
    "teach.box.noise": "噪声", "teach.box.g": "生成器 G", "teach.box.made": "生成样本", "teach.box.real": "真实样本", "teach.box.d": "判别器 D", "teach.box.p": "是真的？", "teach.flow": "噪声经过生成器变成生成样本；生成样本和真实样本都交给判别器，由它给出概率。",
    "teach.losses": "损失", "teach.accuracy": "判别器的正确率", "teach.steps": "步", "teach.canvas": "平面：判别面由橙色（生成）到蓝色（真实），以及真实点和生成点", "teach.realdigits": "真实数字", "teach.madedigits": "同样的 64 个噪声向量生成的数字", "teach.layers": "显示", "teach.happened": "刚刚发生了什么", "teach.lossD": "判别器损失", "teach.lossG": "生成器损失", "teach.share": "比例",
  },
});

const TARGETS = ["ring", "grid", "moons", "spiral", "drawn"];
const FAIR = { kind: "plane", target: "ring", drawn: [], points: 2000, loss: "non-saturating", generator_rate: 0.001, discriminator_rate: 0.002, r1: 0.1, moves: 1, lead: 0, width: 64, seed: 0 };
const BOXES = { noise: [48, 30], g: [165, 30], made: [285, 30], real: [285, 110], d: [410, 70], p: [525, 70] };
const LINES = { "noise-g": "M84 30H113", "g-made": "M217 30H237", "made-d": "M333 30C350 30 345 55 355 60", "real-d": "M333 110C350 110 345 85 355 80", "d-p": "M466 70H489" };
const NOW = { noise: ["noise"], generate: ["noise-g", "g", "g-made", "made"], score: ["made-d", "real-d", "d", "d-p", "p"], loss: ["p"], backward: ["d-p", "d"], update: [] };
const KEPT = 400;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function parts(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Draws the plane; `shown` says which layers. */
function drawPlane(canvas, state, shown, side) {
  const size = (canvas.width = canvas.height = Math.max(240, Math.round(canvas.clientWidth * Math.min(2, devicePixelRatio || 1))));
  const context = canvas.getContext("2d");
  const at = ([x, y]) => [((x + side) / (2 * side)) * size, ((side - y) / (2 * side)) * size];
  context.fillStyle = colour("--panel");
  context.fillRect(0, 0, size, size);
  if (shown.field && state.field) {
    const cells = state.field.length, width = size / (cells - 1);
    const small = new OffscreenCanvas(cells, cells), pen = small.getContext("2d"), pixels = pen.createImageData(cells, cells);
    const [blue, orange] = [parts(colour("--s1")), parts(colour("--s2"))];
    state.field.forEach((row, i) => row.forEach((p, j) => {
      pixels.data.set([...(p > 0.5 ? blue : orange), Math.abs(p - 0.5) * 340], 4 * ((cells - 1 - i) * cells + j));
    }));
    pen.putImageData(pixels, 0, 0);
    context.drawImage(small, -width / 2, -width / 2, size + width, size + width);
  }
  const unit = size / 480;
  if (shown.grid && state.grid) {
    context.strokeStyle = colour("--s4");
    context.globalAlpha = 0.6;
    context.lineWidth = unit;
    const lines = [...state.grid, ...state.grid[0].map((_, j) => state.grid.map((row) => row[j]))];
    for (const line of lines) {
      context.beginPath();
      line.forEach((point, i) => context[i ? "lineTo" : "moveTo"](...at(point)));
      context.stroke();
    }
    context.globalAlpha = 1;
  }
  const dots = (list, tone, square) => {
    context.fillStyle = tone;
    context.strokeStyle = colour("--panel");
    context.lineWidth = 0.7 * unit;
    for (const point of list) {
      const [x, y] = at(point);
      context.beginPath();
      if (square) context.rect(x - 2.3 * unit, y - 2.3 * unit, 4.6 * unit, 4.6 * unit);
      else context.arc(x, y, 2.7 * unit, 0, 7);
      context.fill();
      context.stroke();
    }
  };
  if (shown.real && state.real) dots(state.real, colour("--s1"), true);
  if (shown.made && state.made) dots(state.made, colour("--s2"), false);
  if (shown.arrows && state.arrows) {
    context.strokeStyle = colour("--text");
    context.lineWidth = 1.3 * unit;
    state.arrows.forEach(([dx, dy], i) => {
      const length = Math.hypot(dx, dy);
      if (length < 1e-2) return;
      const reach = (0.22 * Math.tanh(length)) / length;
      const [x, y] = state.made[i], [x1, y1] = at([x, y]), [x2, y2] = at([x + dx * reach, y + dy * reach]);
      const turn = Math.atan2(y2 - y1, x2 - x1);
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      if (Math.hypot(x2 - x1, y2 - y1) > 9 * unit) for (const way of [2.6, -2.6]) {
        context.moveTo(x2, y2);
        context.lineTo(x2 + 5 * unit * Math.cos(turn + way), y2 + 5 * unit * Math.sin(turn + way));
      }
      context.stroke();
    });
  }
}

function flow() {
  const box = (name, [x, y]) => {
    const width = name === "d" || name === "g" ? 104 : 72;
    return h("g", { data: { part: name } }, h("rect", { x: x - (name === "made" || name === "real" ? 48 : width / 2), y: y - 20, width: name === "made" || name === "real" ? 96 : width, height: 40, rx: 8 }), h("text", { x, y: y + 5 }, t(`teach.box.${name}`)));
  };
  const node = h("svg", { class: "flow", viewBox: "0 0 570 140", role: "img", "aria-label": t("teach.flow") },
    h("defs", {}, h("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, h("path", { d: "M0 0L8 4L0 8", "marker-end": "none" }))),
    Object.entries(LINES).map(([name, d]) => h("path", { d, data: { part: name } })), Object.entries(BOXES).map(([name, place]) => box(name, place)));
  return { node, now: (step, who) => {
    const lit = step === "update" ? [who === "generator" ? "g" : "d"] : step === "backward" && who === "generator" ? ["d-p", "d", "made-d", "made", "g-made", "g"] : NOW[step] ?? [];
    for (const part of node.querySelectorAll("[data-part]")) part.classList.toggle("now", lit.includes(part.dataset.part) && !(who === "generator" && part.dataset.part === "real-d"));
  } };
}

const percent = (value) => `${Math.round(100 * value)} %`;

function sentence(one) {
  const side = one.who === "generator" ? "g" : "d";
  const filled = { count: one.count, real: percent(one.real ?? 0), fake: percent(one.fake ?? 0), value: short(one.value), norm: short(one.norm), rate: short(one.rate) };
  return t({ noise: "teach.noise", generate: "teach.generate", score: `teach.score.${side}`, loss: `teach.loss${side}`, backward: `teach.back${side}`, update: `teach.upd${side}` }[one.step], filled);
}

export async function show(main, { signal }) {
  const { lessons, losses, field: { side } } = await get("/api/teach/lessons", { signal });
  let game = { ...FAIR }, played = null, state = null, id = null, playing = false, lesson = null, mended = false, busy = false;
  const record = { steps: [], lossD: [], lossG: [], accuracy: [] };
  const shown = { field: true, grid: true, real: true, made: true, arrows: true };
  const canvas = h("canvas", { role: "img", "aria-label": t("teach.canvas"), tabindex: 0 });
  const sheets = h("div", { class: "sheets", hidden: true });
  const told = h("p", { "aria-live": "polite" }), steps = h("ol", { class: "steps" }), charts = h("div", { class: "stack" });
  const diagram = flow();
  const hint = h("p", { class: "soft", hidden: true }, t("teach.draw"));

  function drawState() {
    const digits = game.kind === "digits";
    canvas.hidden = layers.hidden = digits;
    sheets.hidden = !digits;
    if (digits) fill(sheets, [["made", "teach.madedigits"], ["real", "teach.realdigits"]].map(([name, key]) => h("figure", { style: { margin: "0" } }, h("img", { src: state[name], alt: t(key) }), h("small", {}, t(key)))));
    else drawPlane(canvas, state, shown, side);
    const { discriminator: d, generator: g } = state.moved;
    const words = [];
    words.push(t("teach.state", { d, g, accuracy: percent(state.accuracy) }));
    if (digits) words.push(t("teach.probabilities", { real: percent(state.probabilities.real), fake: percent(state.probabilities.fake) }));
    else {
      if (state.modes) words.push(t("teach.modes", state.modes));
      words.push(t("teach.near", { near: short(state.near) }));
    }
    told.textContent = words.join(" ");
    fill(steps, state.happened.length ? state.happened.slice(-12).map((one) => h("li", {}, sentence(one))) : h("li", {}, t("teach.start")));
  }

  function note() {
    const last = (who) => state.happened.filter((one) => one.step === "loss" && one.who === who).at(-1)?.value ?? null;
    record.steps.push(state.moved.discriminator + state.moved.generator);
    record.lossD.push(last("discriminator") ?? record.lossD.at(-1) ?? null);
    record.lossG.push(last("generator") ?? record.lossG.at(-1) ?? null);
    record.accuracy.push(state.accuracy);
    for (const list of Object.values(record)) if (list.length > KEPT) list.splice(0, list.length - KEPT);
    const chart = (title, unit, pairs, range) => lineChart({ title, unit, reading: "", log: false, range, floor: null, series: pairs.map(([label, y]) => ({ label, x: record.steps, y })) }, [], t("teach.steps"));
    const all = [...record.lossD, ...record.lossG].some((value) => value !== null);
    fill(charts, all ? chart(t("teach.losses"), "", [[t("teach.lossD"), record.lossD], [t("teach.lossG"), record.lossG]], null) : null, chart(t("teach.accuracy"), t("teach.share"), [[t("teach.accuracy"), record.accuracy]], [0, 1]));
  }

  /** Shows the steps of the article one after another, as they happened. */
  async function tell() {
    const items = [...steps.children], happened = state.happened.slice(-12);
    for (const [i, one] of happened.entries()) {
      if (signal.aborted || playing || items[i]?.parentNode !== steps) return;
      items.forEach((item, j) => item.classList.toggle("now", i === j));
      diagram.now(one.step, one.who);
      await new Promise((done) => { setTimeout(done, 420); });
    }
  }

  let turn = 0; // of what is begun only the last counts
  const end = (name) => { if (name) post("/api/teach/end", { id: name }).catch(() => {}); };
  let beginning = Promise.resolve();
  const begin = () => (beginning = beginAnew());
  async function beginAnew() {
    const mine = ++turn, old = id;
    if (game.target === "drawn" && game.kind === "plane" && game.drawn.length < 2) {
      stop();
      id = null;
      end(old);
      hint.hidden = false;
      state = { happened: [], moved: { discriminator: 0, generator: 0 }, accuracy: 0.5, modes: null, near: 0 };
      drawPlane(canvas, state, shown, side);
      return;
    }
    const asked = game;
    let found;
    try {
      found = await post("/api/teach/begin", asked, { signal });
    } catch (error) { // the game that goes on stays what it was
      if (mine === turn && played) { game = played; drawLesson(); }
      throw error;
    }
    if (mine !== turn) return end(found.id);
    end(old);
    hint.hidden = true;
    played = asked;
    id = found.id;
    state = found;
    for (const list of Object.values(record)) list.length = 0;
    fill(charts);
    drawState();
    diagram.now("", "");
    return undefined;
  }

  async function move(who, times, telling) {
    await beginning.catch(() => {});
    while (busy && !signal.aborted) await new Promise((done) => { setTimeout(done, 20); });
    if (!id) return stop();
    busy = true;
    try {
      state = await post("/api/teach/move", { id, who, count: times }, { signal });
    } catch (error) {
      if (error.status === 404) {
        stop();
        busy = false;
        await begin();
        return say(t("teach.gone"));
      }
      stop();
      throw error;
    } finally {
      busy = false;
    }
    drawState();
    note();
    if (telling) await tell();
    return undefined;
  }

  const speed = h("input", { type: "range", min: 0, max: 5, value: 2, step: 1 });
  const run = h("button", { type: "button", class: "primary", on: { click: () => attempt(toggle) } }, t("teach.run"));
  function stop() { playing = false; run.textContent = t("teach.run"); }
  async function toggle() {
    if (playing) return stop();
    playing = true;
    run.textContent = t("teach.pause");
    while (playing && !signal.aborted) {
      const began = performance.now();
      await attempt(() => move("both", [1, 1, 4, 10, 30, 100][+speed.value], false));
      const wait = +speed.value === 0 ? 600 : 60;
      await new Promise((done) => { setTimeout(done, Math.max(16, wait - (performance.now() - began))); });
    }
    return undefined;
  }
  signal.addEventListener("abort", () => {
    playing = false;
    if (id) navigator.sendBeacon?.("/api/teach/end", new Blob([JSON.stringify({ id })], { type: "application/json" }));
  });

  const button = (key, who) => h("button", { type: "button", on: { click: () => { stop(); attempt(() => move(who, 1, true)); } } }, t(key));
  const layers = h("div", { class: "key", role: "group", "aria-label": t("teach.layers") }, Object.keys(shown).map((name) => h("label", {}, h("input", { type: "checkbox", checked: true, on: { change: (event) => { shown[name] = event.target.checked; if (state) drawState(); } } }), t(`teach.layer.${name}`))));

  // --- rules -------------------------------------------------------------------------------
  const controls = {};
  const set = (name, value) => { game = { ...game, [name]: value }; lesson = null; drawLesson(); attempt(begin); };
  const number = (name, label, limits) => field(label, (controls[name] = h("input", { type: "number", step: "any", ...limits, on: { change: (event) => set(name, +event.target.value) } })));
  const select = (name, label, rows) => field(label, (controls[name] = h("select", { on: { change: (event) => { if (name === "target") game = { ...game, drawn: [] }; set(name, event.target.value); } } }, rows.map(([value, text]) => h("option", { value }, text)))));
  const rules = h("details", { class: "panel" }, h("summary", {}, t("teach.settings")), h("div", { class: "row end" },
    select("loss", t("teach.loss"), losses.map((name) => [name, name])), number("generator_rate", t("teach.grate"), { min: 0.00001, max: 1 }), number("discriminator_rate", t("teach.drate"), { min: 0.00001, max: 1 }),
    number("r1", t("teach.r1"), { min: 0, max: 100 }), number("moves", t("teach.moves"), { min: 1, max: 20, step: 1 }), number("points", t("teach.points"), { min: 4, max: 2000, step: 1 }), number("width", t("teach.width"), { min: 4, max: 256, step: 4 })));
  const target = select("target", t("teach.target"), TARGETS.map((name) => [name, t(`teach.${name}`)]));
  const showRules = () => { for (const [name, control] of Object.entries(controls)) control.value = game[name]; target.hidden = game.kind === "digits"; };

  const about = h("div", {});
  const chooser = h("select", { on: { change: (event) => {
    lesson = event.target.value || null;
    mended = false;
    play();
  } } }, h("option", { value: "" }, t("teach.free")), Object.keys(lessons).map((name) => h("option", { value: name }, t(`teach.${name}`))));
  function play() {
    stop();
    game = lesson ? { ...lessons[lesson][mended ? "mended" : "wrong"] } : { ...FAIR, kind: game.kind };
    for (const radio of kinds.querySelectorAll("input")) radio.checked = radio.value === game.kind;
    drawLesson();
    attempt(begin);
  }
  function drawLesson() {
    chooser.value = lesson ?? "";
    showRules();
    fill(about, lesson ? h("div", { class: "lesson" }, h("p", {}, t(`teach.${lesson}.${mended ? "mended" : "wrong"}`)), h("button", { type: "button", on: { click: () => { mended = !mended; play(); about.querySelector("button")?.focus(); } } }, t(mended ? "teach.wrong" : "teach.mend"))) : null);
  }
  const kinds = h("fieldset", { class: "segmented" }, h("legend", { class: "visually-hidden" }, t("teach.kind")), ["plane", "digits"].map((name) => h("label", {}, h("input", { type: "radio", name: "kind", value: name, checked: name === "plane", on: { change: () => {
    lesson = null;
    stop();
    game = name === "digits" ? { ...FAIR, kind: name, generator_rate: 0.001, discriminator_rate: 0.001, r1: 0.3 } : { ...FAIR };
    drawLesson();
    attempt(begin);
  } } }), t(`teach.${name}`))));

  // --- drawing a target -----------------------------------------------------------------------
  let line = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.min(side, Math.max(-side, value));
    return [inside((((event.clientX - box.left) / box.width) * 2 - 1) * side), inside((1 - ((event.clientY - box.top) / box.height) * 2) * side)];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (game.target !== "drawn" || game.kind !== "plane") return;
    canvas.setPointerCapture(event.pointerId);
    line = [place(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!line || line.length >= 500) return;
    const next = place(event), last = line.at(-1);
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) < 0.03) return;
    line.push(next);
    drawPlane(canvas, { real: line }, shown, side);
  });
  canvas.addEventListener("pointerup", () => {
    if (!line) return;
    game = { ...game, drawn: line };
    line = null;
    attempt(begin);
  });
  const again = () => { if (state && game.kind === "plane") drawPlane(canvas, state, shown, side); };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", again, { signal });
  window.addEventListener("resize", again, { signal });

  fill(main, h("div", { class: "stack" }, h("div", {}, h("h1", {}, t("teach.title")), h("p", {}, t("teach.intro"))),
    h("div", { class: "row end" }, kinds, target, field(t("teach.lessons"), chooser)), about,
    h("div", { class: "game" },
      h("section", { class: "panel stack" }, canvas, sheets, hint, layers, h("div", { class: "row" }, run, button("teach.d", "discriminator"), button("teach.g", "generator"), button("teach.both", "both"), h("button", { type: "button", on: { click: () => attempt(begin) } }, t("teach.again"))), field(t("teach.speed"), speed), told),
      h("section", { class: "stack" }, h("div", { class: "panel" }, diagram.node, h("h2", {}, t("teach.happened")), steps), charts)), rules));
  drawLesson();
  await begin();
}
