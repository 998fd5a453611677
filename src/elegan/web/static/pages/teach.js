// The article's chapter, played: both players move by move, in the plane and on digits.

import { lineChart } from "../charts.js";
import { attempt, count, field, fill, get, h, post, say, short, t, words } from "../core.js";
import { between, drawPlane } from "../plane.js";

words({
  en: {
    "teach.title": "Two players learn from each other",
    "teach.intro": "The generator G turns noise into samples and wants them taken for real ones. The discriminator D says how likely a sample is to be real. They move in turn, by the loop that trains images here too.",
    "teach.kind": "What is played on", "teach.plane": "Points", "teach.digits": "Digits",
    "teach.d": "One D step", "teach.g": "One G step", "teach.both": "Both", "teach.run": "Run", "teach.pause": "Pause", "teach.again": "Reset",
    "teach.speed": "Speed", "teach.speed.slow": "slow: each step is told", "teach.speed.n": "{n} steps a picture",
    "teach.target": "Real points", "teach.ring": "Eight clusters in a ring", "teach.grid": "Nine clusters in a grid", "teach.moons": "Two moons", "teach.spiral": "A spiral", "teach.drawn": "Draw your own",
    "teach.draw": "Draw a line here", "teach.redraw": "Draw again", "teach.drawhint": "Draw a line on the field with a finger or the mouse; lift it to begin. With the keyboard, choose one of the other shapes.",
    "teach.settings": "Rules of the game", "teach.loss": "Loss", "teach.generator_rate": "G's learning rate", "teach.discriminator_rate": "D's learning rate", "teach.r1": "R1 penalty", "teach.moves": "D steps for each G step", "teach.points": "Real points to learn from", "teach.width": "Width of both networks", "teach.seed": "Seed", "teach.lead": "D steps before G's first", "teach.epsilon": "Adam's epsilon",
    "teach.scores": "With this loss D gives a score, not a probability. Scores are shown as if they were: one half stands where the loss divides real from generated.",
    "teach.lessons": "What can go wrong", "teach.free": "A fair game", "teach.free.about": "Evenly matched players: watch G find all clusters.",
    "teach.wrong": "The trouble", "teach.mended": "The remedy", "teach.changes": "What changes", "teach.which": "Trouble or remedy",
    "teach.collapse": "Mode collapse", "teach.collapse.about": "G draws one thing only.", "teach.collapse.wrong": "Both players learn much too fast, and nothing restrains D. G finds one spot that D takes for real and puts all its points there. D learns to reject that spot, and G jumps to the next. Press Run and watch how many clusters are covered.", "teach.collapse.mended": "The same start with lower learning rates, D's above G's, and a small R1 penalty, which keeps D's field gentle around real points. Now G's points spread over the ring.",
    "teach.winning": "D wins", "teach.winning.about": "G is told nothing any more.", "teach.winning.wrong": "D has practised alone and is always right. With the minimax loss of the first paper G learns nearly nothing where D is sure: the arrows vanish and the points stand still. (Adam divides gradients by their size and would hide that; here its epsilon is so large that a small gradient makes a small step.)", "teach.winning.mended": "The same lead for D and the same epsilon, but with the non-saturating loss, whose arrows are longest where D is sure, and an R1 penalty, which keeps D from growing too sure. G catches up.",
    "teach.memorising": "Memorising", "teach.memorising.about": "G only repeats what it was shown.", "teach.memorising.wrong": "Six real points and wide networks: D learns them by heart, so G can only win by returning exactly these six. Run it and watch the distance to unseen points of the same two moons: it grows.", "teach.memorising.mended": "The same networks, given 2,000 points of the same moons and a small R1 penalty. G draws along the whole of both moons, also where it saw no point.",
    "teach.layers": "Shown", "teach.layer.field": "D's field", "teach.layer.boundary": "D undecided", "teach.layer.real": "real points", "teach.layer.made": "generated points", "teach.layer.grid": "G's warped grid", "teach.layer.arrows": "where G's loss falls",
    "teach.scale.made": "D: generated", "teach.scale.real": "D: real",
    "teach.step.noise": "Sample noise: {count} vectors z.", "teach.step.generate": "G generates {count} samples.", "teach.step.generate.first": "G turns them into {count} points; the first lands at ({x}, {y}).",
    "teach.step.score.d": "D scores both: real {real}, generated {fake} likely to be real.", "teach.step.score.g": "D scores them: {fake} likely to be real.",
    "teach.step.loss.d": "D's loss is {value}.", "teach.step.loss.d.r1": "D's loss is {value}, of which R1 is {r1}.", "teach.step.loss.g": "G's loss is {value}.",
    "teach.step.backward.d": "Backpropagate through D: gradient of length {norm}.", "teach.step.backward.g": "Backpropagate through D into G: gradient of length {norm}.",
    "teach.step.update.d": "Update D's {weights} weights, rate {rate}. G stays as it is.", "teach.step.update.g": "Update G's {weights} weights, rate {rate}. D stays as it is.",
    "teach.start": "Nobody has moved yet. Press a button below the field.", "teach.leading": "D practises alone: {n} of {of} steps.", "teach.running": "Running. Pause to see each step.",
    "teach.happened": "What just happened", "teach.move.d": "D's step", "teach.move.g": "G's step", "teach.last": "the last of {n}",
    "teach.tile.d": "D steps", "teach.tile.g": "G steps", "teach.tile.accuracy": "D is right on", "teach.tile.modes": "clusters covered", "teach.tile.near": "generated to nearest real", "teach.tile.unseen": "unseen real to nearest generated", "teach.tile.realp": "D on real", "teach.tile.fakep": "D on generated", "teach.modes": "{covered} of {of}",
    "teach.said": "{d} D steps and {g} G steps. D is right on {accuracy}.", "teach.said.modes": "{covered} of {of} clusters are covered.", "teach.said.near": "Half of the generated points lie within {near} of a real one.",
    "teach.box.noise": "noise z", "teach.box.g": "generator", "teach.box.made": "generated G(z)", "teach.box.real": "real x", "teach.box.d": "discriminator", "teach.box.p": "probability", "teach.bar.real": "real", "teach.bar.fake": "gen.",
    "teach.flow": "Noise goes through the generator to generated samples; these and real ones go to the discriminator, which gives each a probability of being real. Dashed: gradients on their way back.",
    "teach.losses": "Losses", "teach.accuracy": "D is right on", "teach.steps": "over steps", "teach.lossD": "D's loss", "teach.lossG": "G's loss",
    "teach.canvas": "The plane, coloured by D from generated (orange) to real (blue).", "teach.realdigits": "Real digits", "teach.madedigits": "Generated from the same 64 noise vectors", "teach.gone": "That game was given up, for too many were open. This is a new one.",
    "teach.digitsnote": "The same moves on handwritten digits, by small networks: a few steps a second. First strokes show after some hundred steps.",
  },
  zh: {
    "teach.title": "两个网络在对抗中学习",
    "teach.intro": "生成器 G 把噪声变成样本，想让它们被当成真的；判别器 D 判断样本是真的概率有多大。双方轮流行动，用的正是这里训练图像的那个训练循环。",
    "teach.kind": "在什么数据上玩", "teach.plane": "平面点", "teach.digits": "手写数字",
    "teach.d": "D 走一步", "teach.g": "G 走一步", "teach.both": "各走一步", "teach.run": "运行", "teach.pause": "暂停", "teach.again": "重置",
    "teach.speed": "速度", "teach.speed.slow": "慢放：逐步讲解", "teach.speed.n": "每帧 {n} 步",
    "teach.target": "真实点", "teach.ring": "排成一圈的八个簇", "teach.grid": "排成方格的九个簇", "teach.moons": "两个月牙", "teach.spiral": "螺旋线", "teach.drawn": "自己画",
    "teach.draw": "在这里画一条线", "teach.redraw": "重新画", "teach.drawhint": "用手指或鼠标在图上画一条线，松开即开始。使用键盘时，请选择其他形状。",
    "teach.settings": "游戏规则", "teach.loss": "损失函数", "teach.generator_rate": "G 的学习率", "teach.discriminator_rate": "D 的学习率", "teach.r1": "R1 惩罚", "teach.moves": "G 每走一步，D 走几步", "teach.points": "可供学习的真实点数", "teach.width": "两个网络的宽度", "teach.seed": "随机种子", "teach.lead": "G 动之前 D 先走的步数", "teach.epsilon": "Adam 的 epsilon",
    "teach.scores": "使用这种损失时，D 给出的是分数而不是概率。这里仍按概率显示：损失区分真假的分界处记为二分之一。",
    "teach.lessons": "可能出什么问题", "teach.free": "公平的对局", "teach.free.about": "势均力敌：看 G 找到所有的簇。",
    "teach.wrong": "问题", "teach.mended": "补救", "teach.changes": "改动之处", "teach.which": "问题或补救",
    "teach.collapse": "模式崩溃", "teach.collapse.about": "G 只会生成一种东西。", "teach.collapse.wrong": "双方都学得太快，D 又不受任何约束。G 找到一处被 D 当真的地方，就把所有点都放到那里；D 学会拒绝那里之后，G 又整个跳到下一处。按“运行”，注意覆盖了几个簇。", "teach.collapse.mended": "同样的起点，学习率降低，D 的略高于 G 的，再加一点 R1 惩罚，让真实点周围的判别面保持平缓。现在 G 的点铺满整个圆环。",
    "teach.winning": "D 完胜", "teach.winning.about": "G 再也得不到任何指引。", "teach.winning.wrong": "D 已经独自练习过，从不出错。用最早论文里的极小极大损失时，在 D 很有把握的地方 G 几乎学不到东西：箭头消失，点停在原地。（Adam 会用梯度的大小去除梯度，从而掩盖这一点；这里把它的 epsilon 设得很大，小梯度就只走小步。）", "teach.winning.mended": "D 同样领先，epsilon 也相同，但换成非饱和损失（D 越有把握，箭头越长），并加上 R1 惩罚，不让 D 过于自信。G 追了上来。",
    "teach.memorising": "死记硬背", "teach.memorising.about": "G 只会重复见过的样本。", "teach.memorising.wrong": "只有六个真实点，网络却很宽：D 把它们背了下来，G 要赢就只能原样交回这六个点。运行起来，注意同样两个月牙上未见过的点到最近生成点的距离：它越来越大。", "teach.memorising.mended": "同样的网络，换成同样月牙上的 2,000 个点，再加一点 R1 惩罚。G 沿着整个月牙作画，没见过点的地方也画得出来。",
    "teach.layers": "显示", "teach.layer.field": "D 的判别面", "teach.layer.boundary": "D 拿不准处", "teach.layer.real": "真实点", "teach.layer.made": "生成点", "teach.layer.grid": "G 弯折的网格", "teach.layer.arrows": "G 的损失下降的方向",
    "teach.scale.made": "D：生成的", "teach.scale.real": "D：真实的",
    "teach.step.noise": "采样噪声：{count} 个向量 z。", "teach.step.generate": "G 生成 {count} 个样本。", "teach.step.generate.first": "G 把它们变成 {count} 个点，第一个落在 ({x}, {y})。",
    "teach.step.score.d": "D 给两者打分，是真的概率：真实 {real}，生成 {fake}。", "teach.step.score.g": "D 给它们打分，是真的概率：{fake}。",
    "teach.step.loss.d": "D 的损失为 {value}。", "teach.step.loss.d.r1": "D 的损失为 {value}，其中 R1 占 {r1}。", "teach.step.loss.g": "G 的损失为 {value}。",
    "teach.step.backward.d": "在 D 中反向传播：梯度长度 {norm}。", "teach.step.backward.g": "经 D 反向传播到 G：梯度长度 {norm}。",
    "teach.step.update.d": "更新 D 的 {weights} 个权重，学习率 {rate}；G 不变。", "teach.step.update.g": "更新 G 的 {weights} 个权重，学习率 {rate}；D 不变。",
    "teach.start": "双方都还没有动。按图下方的按钮。", "teach.leading": "D 独自练习：{of} 步中的第 {n} 步。", "teach.running": "运行中。暂停后可以看到每一步。",
    "teach.happened": "刚刚发生了什么", "teach.move.d": "D 的一步", "teach.move.g": "G 的一步", "teach.last": "{n} 步中的最后一步",
    "teach.tile.d": "D 的步数", "teach.tile.g": "G 的步数", "teach.tile.accuracy": "D 的正确率", "teach.tile.modes": "覆盖的簇", "teach.tile.near": "生成点到最近真实点", "teach.tile.unseen": "未见过的真实点到最近生成点", "teach.tile.realp": "D 看真实样本", "teach.tile.fakep": "D 看生成样本", "teach.modes": "{of} 个中的 {covered} 个",
    "teach.said": "D 走了 {d} 步，G 走了 {g} 步。D 的正确率为 {accuracy}。", "teach.said.modes": "{of} 个簇中覆盖了 {covered} 个。", "teach.said.near": "一半的生成点离某个真实点不超过 {near}。",
    "teach.box.noise": "噪声 z", "teach.box.g": "生成器", "teach.box.made": "生成样本 G(z)", "teach.box.real": "真实样本 x", "teach.box.d": "判别器", "teach.box.p": "概率", "teach.bar.real": "真实", "teach.bar.fake": "生成",
    "teach.flow": "噪声经过生成器变成生成样本；生成样本和真实样本都交给判别器，由它给出各自为真的概率。虚线是往回走的梯度。",
    "teach.losses": "损失", "teach.accuracy": "D 的正确率", "teach.steps": "随步数", "teach.lossD": "D 的损失", "teach.lossG": "G 的损失",
    "teach.canvas": "平面，由 D 着色：橙色为生成，蓝色为真实。", "teach.realdigits": "真实数字", "teach.madedigits": "由同样 64 个噪声向量生成", "teach.gone": "打开的对局太多，原来那一局已被放弃。这是新的一局。",
    "teach.digitsnote": "同样的步骤，在手写数字上由小网络来走：每秒几步。几百步之后开始出现笔画。",
  },
});

const TARGETS = ["ring", "grid", "moons", "spiral", "drawn"];
const SPEEDS = [0, 1, 4, 10, 30, 100]; // steps a picture; 0: each part of a step is told
const DIGITS = { kind: "digits", generator_rate: 0.001, discriminator_rate: 0.001, r1: 0.3 };
const LIMITS = { generator_rate: [0.00001, 1], discriminator_rate: [0.00001, 1], r1: [0, 100], moves: [1, 20, 1], points: [4, 2000, 1], width: [4, 256, 4], epsilon: [1e-8, 1], lead: [0, 1000, 1], seed: [0, 1000000, 1] };
const KEPT = 240, LAYERS = ["field", "boundary", "real", "made", "grid", "arrows"];
const percent = (value) => `${Math.round(100 * value)} %`;
const wait = (time) => new Promise((done) => { setTimeout(done, time); });

// --- the diagram of the article -------------------------------------------------------------------

const SCREENS = { noise: [8, 22], made: [236, 22], real: [236, 146] }, EDGE = 92;
const NETWORKS = { g: [128, 40, 80, 56, "G"], d: [376, 102, 98, 56, "D"] };
const FORWARD = { "noise-g": "M101 62H124", "g-made": "M209 62H232", "made-d": "M329 62C356 62 348 118 373 120", "real-d": "M329 192C356 192 348 142 373 140", "d-p": "M475 122H494" };
const BACKWARD = { "p-d": "M497 142H479", "d-made": "M374 108C358 104 362 82 333 80", "made-g": "M235 82H212" };
const LIT = {
  noise: ["noise"], generate: ["noise", "noise-g", "g", "g-made", "made"], score: ["made", "made-d", "real", "real-d", "d", "d-p", "p"], loss: ["p"],
  "backward.d": ["p", "p-d", "d"], "backward.g": ["p", "p-d", "d", "d-made", "made", "made-g", "g"], "update.d": ["d"], "update.g": ["g"],
};

function svgImage(attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", "image");
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function diagram(side) {
  const dots = {}, sheets = {};
  const screen = (name) => {
    const [x, y] = SCREENS[name];
    dots[name] = Array.from({ length: 90 }, () => h("circle", { r: 1.7, class: name, cx: -9, cy: -9 }));
    sheets[name] = svgImage({ x: x + 4, y: y + 4, width: EDGE - 8, height: EDGE - 8 });
    return h("g", { data: { part: name } }, h("rect", { x, y, width: EDGE, height: EDGE, rx: 8 }), sheets[name], dots[name], h("text", { x: x + EDGE / 2, y: y - 7 }, t(`teach.box.${name}`)));
  };
  const network = ([name, [x, y, width, height, letter]]) => h("g", { class: "network", data: { part: name } }, h("rect", { x, y, width, height, rx: 10 }), h("text", { class: "letter", x: x + width / 2, y: y + 27 }, letter), h("text", { x: x + width / 2, y: y + 45 }, t(`teach.box.${name}`)));
  const bar = (name, x) => ({ box: h("rect", { class: `level ${name}`, x, y: 172, width: 26, height: 0 }), label: h("text", { x: x + 13, y: 96 }, ""), name: h("text", { x: x + 13, y: 190 }, t(`teach.bar.${name}`)), x });
  const bars = { real: bar("real", 510), fake: bar("fake", 552) };
  const paths = (all, kind) => Object.entries(all).map(([name, d]) => h("path", { d, class: kind, data: { part: name } }));
  const tip = (name) => h("marker", { id: name, viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" }, h("path", { class: name, d: "M0 0L8 4L0 8Z" }));
  const node = h("svg", { class: "flow", viewBox: "0 0 600 244", role: "img", "aria-label": t("teach.flow") },
    h("defs", {}, tip("tip"), tip("back-tip")), paths(FORWARD, "forward"), paths(BACKWARD, "back"),
    ["noise", "made", "real"].map(screen), Object.entries(NETWORKS).map(network),
    h("g", { data: { part: "p" } }, h("rect", { x: 498, y: 76, width: 94, height: 122, rx: 8 }), h("text", { x: 545, y: 69 }, t("teach.box.p")), h("path", { class: "half", d: "M504 138H586" }), Object.values(bars).map((one) => [one.box, one.label, one.name])));
  const show = (picture) => {
    for (const name of ["noise", "made", "real"]) {
      const flat = typeof picture[name] === "string", [x, y] = SCREENS[name], half = EDGE / 2, span = name === "noise" ? 3 : side;
      if (flat) sheets[name].setAttribute("href", picture[name]); else sheets[name].removeAttribute("href");
      dots[name].forEach((dot, i) => {
        const [a, b] = flat ? [9, 9] : (picture[name]?.[i] ?? [9, 9]), outside = Math.max(Math.abs(a), Math.abs(b)) > span * 0.97;
        dot.setAttribute("cx", outside ? -9 : (x + half + (a / span) * half).toFixed(1));
        dot.setAttribute("cy", outside ? -9 : (y + half - (b / span) * half).toFixed(1));
      });
    }
    for (const [name, one] of Object.entries(bars)) {
      const value = picture.probabilities?.[name] ?? 0;
      one.box.setAttribute("y", 172 - 68 * value);
      one.box.setAttribute("height", 68 * value);
      one.label.textContent = picture.probabilities ? percent(value) : "";
      one.label.setAttribute("y", 168 - 68 * value);
    }
  };
  const light = (step, who) => {
    const side_ = who === "generator" ? "g" : "d", lit = LIT[step] ?? LIT[`${step}.${side_}`] ?? [];
    for (const part of node.querySelectorAll("[data-part]")) part.classList.toggle("now", lit.includes(part.dataset.part) && !(who === "generator" && part.dataset.part.startsWith("real")));
  };
  return { node, show, light };
}

function sentence(one) {
  const side = one.who === "generator" ? "g" : "d", r1 = one.parts?.r1;
  const [x, y] = (one.first ?? []).map((value) => value.toFixed(2));
  const key = { noise: "noise", generate: one.first ? "generate.first" : "generate", loss: `loss.${side}${r1 ? ".r1" : ""}` }[one.step] ?? `${one.step}.${side}`;
  return t(`teach.step.${key}`, { x, y, count: one.count, real: percent(one.real ?? 0), fake: percent(one.fake ?? 0), value: short(one.value), r1: short(r1), norm: short(one.norm), rate: short(one.rate), weights: count(one.weights ?? 0) });
}

// --- the page -----------------------------------------------------------------------------------

export async function show(main, { signal }) {
  const { fair, lessons, losses, scores, field: { side } } = await get("/api/teach/lessons", { signal });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const shown = Object.fromEntries(LAYERS.map((name) => [name, true]));
  const record = { steps: [], lossD: [], lossG: [], accuracy: [] };
  let game = { ...fair }, lesson = null, mended = false; // what is played; null: a fair game, undefined: rules of one's own
  let id = null, state = null, picture = {}; // the game on the server, what it told, what is drawn
  let playing = false, busy = null, turn = 0, spoken = 0; // `turn` grows when what is being told is out of date

  const canvas = h("canvas", { role: "img", "aria-label": t("teach.canvas") });
  const sheets = h("div", { class: "sheets", hidden: true }), notice = h("p", { class: "alarm", hidden: true });
  const told = h("p", { class: "visually-hidden", "aria-live": "polite" }), now = h("p", { class: "told" });
  const tiles = h("dl", { class: "tiles" }), steps = h("div", { class: "steps" }), charts = h("div", { class: "pair" });
  const flow = diagram(side);
  const draw = () => {
    if (game.kind === "plane") drawPlane(canvas, picture, shown, side);
    flow.show(picture);
  };

  function drawTiles() {
    const { discriminator: d, generator: g } = state.moved, { accuracy, modes, probabilities: p } = state;
    const rows = [["d", count(d)], ["g", count(g)], ["accuracy", percent(accuracy)]];
    if (game.kind === "digits") rows.push(["realp", percent(p.real)], ["fakep", percent(p.fake)]);
    else {
      if (modes) rows.push(["modes", t("teach.modes", modes)]);
      rows.push(["near", short(state.near)], ["unseen", short(state.unseen)]);
    }
    fill(tiles, rows.map(([key, value]) => h("div", {}, h("dt", {}, t(`teach.tile.${key}`)), h("dd", {}, value))));
    if (Date.now() - spoken < 2000 && playing) return;
    spoken = Date.now();
    told.textContent = [t("teach.said", { d, g, accuracy: percent(accuracy) }), modes ? t("teach.said.modes", modes) : "", game.kind === "plane" ? t("teach.said.near", { near: short(state.near) }) : ""].join(" ");
    canvas.setAttribute("aria-label", `${t("teach.canvas")} ${told.textContent}`);
  }

  function drawSteps() {
    const move = (who, key) => {
      const own = state.happened.filter((one) => one.who === who);
      const several = who === "discriminator" && game.moves > 1 && own.length < state.happened.length;
      return own.length ? h("div", {}, h("h3", {}, t(key), " ", several ? h("small", {}, t("teach.last", { n: game.moves })) : null), h("ol", {}, own.map((one) => h("li", {}, sentence(one))))) : null;
    };
    fill(steps, move("discriminator", "teach.move.d"), move("generator", "teach.move.g"));
  }

  function drawCharts() {
    const chart = (title, unit, rows, range) => lineChart({ title, unit, reading: "", log: false, range, floor: null, series: rows.map(([label, y]) => ({ label, x: record.steps, y })) });
    const drawn = record.steps.length > 1;
    fill(charts, drawn ? [chart(t("teach.losses"), t("teach.steps"), [[t("teach.lossD"), record.lossD], [t("teach.lossG"), record.lossG]], null), chart(t("teach.accuracy"), t("teach.steps"), [[t("teach.accuracy"), record.accuracy]], [0, 1])] : null);
  }

  function note() {
    const last = (who) => state.happened.findLast((one) => one.step === "loss" && one.who === who)?.value;
    record.steps.push(state.moved.discriminator + state.moved.generator);
    record.lossD.push(last("discriminator") ?? record.lossD.at(-1) ?? null);
    record.lossG.push(last("generator") ?? record.lossG.at(-1) ?? null);
    record.accuracy.push(state.accuracy);
    if (record.steps.length > KEPT) for (const list of Object.values(record)) list.splice(0, list.length, ...list.filter((_, i) => i % 2)); // every other one of a long game
  }

  /** Shows all of the state at once. */
  function settle(words) {
    turn++;
    picture = state;
    if (game.kind === "digits") for (const [name, image] of Object.entries(images)) image.src = state[name];
    draw();
    drawTiles();
    drawSteps();
    drawCharts();
    flow.light("", "");
    now.textContent = words ?? (state.happened.length ? sentence(state.happened.at(-1)) : t("teach.start"));
  }

  /** Shows the steps of the article one after another; the picture follows each. */
  async function tell(before) {
    const mine = ++turn, going = () => mine === turn && !signal.aborted;
    drawSteps();
    const items = [...steps.querySelectorAll("li")];
    picture = { ...before };
    for (const [i, one] of state.happened.entries()) {
      items.forEach((item, j) => item.classList.toggle("now", i === j));
      flow.light(one.step, one.who);
      now.textContent = sentence(one);
      if (one.step === "update" && game.kind === "plane") {
        if (one.who === "discriminator") picture = { ...picture, field: state.field, arrows: [], probabilities: state.probabilities };
        const from = picture, frames = one.who === "generator" && !calm ? 14 : 0;
        for (let frame = 1; frame <= frames && going(); frame++) {
          picture = { ...between(from, { ...state, field: from.field }, frame / frames), arrows: [] };
          draw();
          await wait(25);
        }
        if (going()) draw();
      }
      await wait(one.step === "noise" ? 300 : 480);
      if (!going()) return;
    }
    settle();
  }

  // --- the game on the server -------------------------------------------------------------------

  function enable() {
    for (const button of moving) button.disabled = !id;
  }

  async function begin() {
    stop();
    turn++;
    const mine = turn, old = id;
    [id, state, picture] = [null, null, {}];
    enable();
    for (const list of Object.values(record)) list.length = 0;
    fill(charts);
    fill(steps);
    fill(tiles);
    if (old) post("/api/teach/end", { id: old }).catch(() => {});
    const digits = game.kind === "digits", waiting = !digits && game.target === "drawn" && game.drawn.length < 2;
    canvas.hidden = layers.hidden = scale.hidden = choosing.hidden = digits;
    sheets.hidden = true;
    hint.hidden = !waiting;
    again.hidden = game.target !== "drawn" || waiting;
    canvas.classList.toggle("pad", waiting);
    notice.hidden = true;
    now.textContent = waiting ? t("teach.drawhint") : "…";
    draw();
    if (waiting) return;
    let found;
    try {
      found = await post("/api/teach/begin", game, { signal });
    } catch (error) {
      if (mine !== turn || signal.aborted) return;
      notice.hidden = false;
      notice.textContent = error.message;
      now.textContent = "";
      return;
    }
    if (mine !== turn) return void post("/api/teach/end", { id: found.id }).catch(() => {});
    id = found.id;
    state = found;
    sheets.hidden = !digits;
    settle();
    const own = id;
    while (id === own && state.moved.discriminator < game.lead && !signal.aborted) {
      await step("discriminator", Math.min(50, game.lead - state.moved.discriminator));
      if (id === own) settle(t("teach.leading", { n: state.moved.discriminator, of: game.lead }));
    }
    enable();
  }

  /** Lets the server move; one request at a time. Returns what was shown before. */
  async function step(who, times) {
    while (busy) await busy.catch(() => {});
    if (!id) return null;
    const asked = id, before = state;
    try {
      busy = post("/api/teach/move", { id, who, count: times }, { signal });
      const found = await busy;
      if (asked !== id) return null;
      state = found;
      note();
      return before;
    } catch (error) {
      stop();
      busy = null; // the new game below moves too
      if (error.status !== 404) throw error;
      say(t("teach.gone"));
      await begin();
      return null;
    } finally {
      busy = null;
    }
  }

  async function move(who, times, telling) {
    const before = await step(who, times);
    if (before && telling) await tell(before);
    else if (before) settle(playing ? t("teach.running") : undefined);
  }

  function stop() {
    playing = false;
    run.textContent = t("teach.run");
  }

  async function toggle() {
    if (playing) {
      stop();
      return settle();
    }
    playing = true;
    run.textContent = t("teach.pause");
    while (playing && id && !signal.aborted) {
      const began = performance.now(), times = SPEEDS[+speed.value];
      await attempt(() => move("both", Math.max(1, times), times === 0));
      await wait(Math.max(16, 66 - (performance.now() - began)));
    }
    return undefined;
  }
  signal.addEventListener("abort", () => {
    playing = false;
    if (id) navigator.sendBeacon?.("/api/teach/end", new Blob([JSON.stringify({ id })], { type: "application/json" }));
  });

  // --- controls -----------------------------------------------------------------------------------

  const run = h("button", { type: "button", class: "primary", on: { click: () => attempt(toggle) } }, t("teach.run"));
  const button = (key, who) => h("button", { type: "button", on: { click: () => { stop(); attempt(() => move(who, 1, true)); } } }, t(key));
  const moving = [run, button("teach.d", "discriminator"), button("teach.g", "generator"), button("teach.both", "both")];
  const reset = h("button", { type: "button", on: { click: () => attempt(begin) } }, t("teach.again"));
  const pace = h("output", { class: "soft" });
  const speed = h("input", { type: "range", min: 0, max: SPEEDS.length - 1, value: 3, step: 1, on: { input: () => tellPace() } });
  const tellPace = () => {
    pace.textContent = SPEEDS[+speed.value] ? t("teach.speed.n", { n: SPEEDS[+speed.value] }) : t("teach.speed.slow");
    speed.setAttribute("aria-valuetext", pace.textContent);
  };
  const layers = h("div", { class: "key", role: "group", "aria-label": t("teach.layers") }, LAYERS.map((name) => h("label", {}, h("input", { type: "checkbox", checked: true, on: { change: (event) => { shown[name] = event.target.checked; draw(); } } }), h("i", { class: `swatch ${name}` }), t(`teach.layer.${name}`))));
  const scale = h("div", { class: "scale", "aria-hidden": "true" }, t("teach.scale.made"), h("i", {}), t("teach.scale.real"));
  const images = { made: h("img", { alt: t("teach.madedigits") }), real: h("img", { alt: t("teach.realdigits") }) };
  fill(sheets, Object.values(images).map((image) => h("figure", {}, image, h("figcaption", { class: "soft" }, image.alt))), h("p", { class: "soft" }, t("teach.digitsnote")));

  const controls = {};
  const change = (name, value) => {
    if (name === "target") {
      game = { ...(lesson ? fair : game), target: value, drawn: [] };
      lesson = lesson && null;
    } else {
      game = { ...game, [name]: value };
      lesson = undefined;
    }
    drawRules();
    attempt(begin);
  };
  const number = ([name, [min, max, by]]) => field(t(`teach.${name}`), (controls[name] = h("input", { type: "number", min, max, step: by ?? "any", on: { change: (event) => change(name, +event.target.value) } })));
  const select = (name, label, rows) => field(label, (controls[name] = h("select", { on: { change: (event) => change(name, event.target.value) } }, rows.map(([value, text]) => h("option", { value }, text)))));
  const target = select("target", t("teach.target"), TARGETS.map((name) => [name, t(`teach.${name}`)]));
  const again = h("button", { type: "button", hidden: true, on: { click: () => change("target", "drawn") } }, t("teach.redraw"));
  const choosing = h("div", { class: "row end" }, target, again);
  const hint = h("p", { class: "hint", hidden: true }, t("teach.draw"));
  const scored = h("p", { class: "soft", hidden: true }, t("teach.scores"));
  const rules = h("details", { class: "panel" }, h("summary", {}, t("teach.settings")), h("div", { class: "rules" }, select("loss", t("teach.loss"), losses.map((name) => [name, name])), Object.entries(LIMITS).map(number)), scored);

  const radios = (name, values, label, chosen, act, style) => h("fieldset", { class: style }, h("legend", { class: "visually-hidden" }, label), values.map(([value, ...texts]) => h("label", { class: style === "choices" ? "choice" : "" }, h("input", { type: "radio", name, value, checked: value === chosen, on: { change: () => act(value) } }), texts)));
  const kinds = radios("kind", [["plane", t("teach.plane")], ["digits", t("teach.digits")]], t("teach.kind"), "plane", (kind) => {
    game = kind === "digits" ? { ...fair, ...DIGITS } : { ...fair };
    lesson = null;
    drawRules();
    attempt(begin);
  }, "segmented");
  const choices = radios("lesson", ["", ...Object.keys(lessons)].map((name) => [name, h("b", {}, t(`teach.${name || "free"}`)), h("small", {}, t(`teach.${name || "free"}.about`))]), t("teach.lessons"), "", (name) => {
    lesson = name || null;
    mended = false;
    play();
  }, "choices");
  const about = h("div", {});
  function play() {
    game = lesson ? { ...lessons[lesson][mended ? "mended" : "wrong"] } : { ...fair };
    drawRules();
    attempt(begin);
  }
  function changes({ wrong, mended: other }) {
    const names = Object.keys(wrong).filter((name) => wrong[name] !== other[name] && !Array.isArray(wrong[name]));
    const shownValue = (value) => (typeof value === "number" ? short(value) : value);
    return h("ul", { class: "changes", "aria-label": t("teach.changes") }, names.map((name) => h("li", {}, t(`teach.${name}`), ": ", h("b", {}, shownValue(wrong[name])), " → ", h("b", {}, shownValue(other[name])))));
  }
  function drawRules() {
    for (const [name, control] of Object.entries(controls)) control.value = game[name];
    for (const radio of kinds.querySelectorAll("input")) radio.checked = radio.value === game.kind;
    for (const radio of choices.querySelectorAll("input")) radio.checked = radio.value === (lesson === null ? "" : lesson);
    choices.hidden = game.kind === "digits";
    scored.hidden = !scores.includes(game.loss);
    fill(about, lesson ? h("section", { class: "panel lesson" },
      radios("mended", [["wrong", t("teach.wrong")], ["mended", t("teach.mended")]], t("teach.which"), mended ? "mended" : "wrong", (which) => { mended = which === "mended"; play(); about.querySelector(":checked")?.focus(); }, "segmented"),
      h("p", {}, t(`teach.${lesson}.${mended ? "mended" : "wrong"}`)), mended ? changes(lessons[lesson]) : null) : null);
  }

  // --- drawing a target -----------------------------------------------------------------------------

  let line = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2].map((value) => Math.max(-1.2, Math.min(1.2, value * side)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!canvas.classList.contains("pad")) return;
    canvas.setPointerCapture(event.pointerId);
    hint.hidden = true;
    line = [place(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!line || line.length >= 500) return;
    const next = place(event), last = line.at(-1);
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) < 0.02) return;
    line.push(next);
    drawPlane(canvas, { real: line }, shown, side);
  });
  const lift = () => {
    if (!line) return;
    const drawn = line.length > 1 ? line : [];
    line = null;
    game = { ...game, drawn };
    attempt(begin);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });
  window.addEventListener("resize", draw, { signal });

  fill(main, h("div", { class: "stack" },
    h("div", {}, h("h1", {}, t("teach.title")), h("p", {}, t("teach.intro"))),
    h("div", { class: "row" }, kinds), choices, about,
    h("div", { class: "game" },
      h("section", { class: "panel stack" },
        choosing,
        h("div", { class: "stage" }, canvas, hint, sheets, notice), scale,
        h("div", { class: "row" }, moving, reset), h("div", { class: "pace" }, field(t("teach.speed"), speed), pace),
        layers, told),
      h("section", { class: "stack" },
        h("div", { class: "panel" }, flow.node, h("h2", { class: "visually-hidden" }, t("teach.happened")), now, steps), tiles, charts)), rules));
  tellPace();
  drawRules();
  await begin();
}
