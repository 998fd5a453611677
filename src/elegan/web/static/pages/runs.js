// All runs: what each draws by now, how far it is, and what can be done with it.

import { attempt, count, duration, fill, get, h, post, query, regularly, short, t, words } from "../core.js";

words({
  en: {
    "runs.title": "Runs", "runs.none": "No training yet in {folder}.", "runs.begin": "Begin the first one",
    "runs.running": "running", "runs.done": "done", "runs.paused": "paused", "runs.cut off": "cut off", "runs.starting": "starting", "runs.failed": "failed",
    "runs.seen": "{seen} of {goal} images", "runs.seenOnly": "{seen} images", "runs.left": "{time} left", "runs.took": "{time} of training",
    "runs.real": "real {value}", "runs.pause": "Pause", "runs.resume": "Resume", "runs.open": "Watch {name}", "runs.compare": "Compare", "runs.pick": "Compare {name}",
    "runs.samples": "Newest samples of {name}", "runs.new": "New run", "runs.forget": "Put away", "runs.stop": "Stop",
  },
  zh: {
    "runs.title": "训练", "runs.none": "{folder} 中还没有训练。", "runs.begin": "开始第一次训练",
    "runs.running": "进行中", "runs.done": "已完成", "runs.paused": "已暂停", "runs.cut off": "意外中断", "runs.starting": "启动中", "runs.failed": "失败",
    "runs.seen": "已看 {seen} / {goal} 张图像", "runs.seenOnly": "已看 {seen} 张图像", "runs.left": "还需 {time}", "runs.took": "已训练 {time}",
    "runs.real": "真实图像 {value}", "runs.pause": "暂停", "runs.resume": "继续", "runs.open": "查看 {name}", "runs.compare": "对比", "runs.pick": "对比 {name}",
    "runs.samples": "{name} 的最新样本", "runs.new": "新建训练", "runs.forget": "不再显示", "runs.stop": "停止",
  },
});

export const runAddress = (id) => `#/watch/${encodeURIComponent(id)}`;
export const picture = (id, which) => `/api/run/picture?${query({ id, which })}`;

/** The state of a run as a word; a command that is still beginning, or failed, comes first. */
export function stateOf(card) {
  if (card.fault && card.state !== "running") return "failed";
  return card.starting ? "starting" : card.state;
}

export const tag = (card) => {
  const state = stateOf(card);
  return h("span", { class: `tag ${state}` }, t(`runs.${state}`));
};

export function progressOf(card) {
  const text = card.goal ? t("runs.seen", { seen: count(card.seen), goal: count(card.goal) }) : t("runs.seenOnly", { seen: count(card.seen) });
  const share = card.goal ? Math.min(100, (100 * card.seen) / card.goal) : 0;
  return [h("div", { class: "bar", role: "progressbar", "aria-valuenow": Math.round(share), "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": text },
    h("i", { style: { width: `${share}%` } })),
  h("small", {}, text, card.left !== null && card.left !== undefined ? ` · ${t("runs.left", { time: duration(card.left) })}` : ` · ${t("runs.took", { time: duration(card.seconds) })}`)];
}

function drawCard(card, chosen, again) {
  const act = (what) => attempt(async () => { await post("/api/run/act", { id: card.id, act: what }); again(); });
  const state = stateOf(card);
  const key = (what) => ({ key: `${what} ${card.id}` });
  return h("article", { class: "panel card" },
    h("a", { class: "picture", data: key("picture"), href: runAddress(card.id), "aria-label": t("runs.open", { name: card.id }) },
      card.picture ? h("img", { src: picture(card.id, card.picture), alt: t("runs.samples", { name: card.id }) }) : null),
    h("h2", {}, h("a", { href: runAddress(card.id), data: key("name") }, card.id)),
    h("div", { class: "row" }, tag(card), h("small", {}, `${card.preset} · ${card.data}`)),
    card.fault ? h("p", { class: "alarm" }, card.fault) : null,
    progressOf(card),
    card.headline ? h("small", {}, h("b", {}, card.headline.name), ` ${short(card.headline.value)}`, card.headline.floor !== null ? ` (${t("runs.real", { value: short(card.headline.floor) })})` : "") : null,
    h("div", { class: "row" },
      state === "running" || state === "starting" ? h("button", { type: "button", data: key("act"), on: { click: () => act("stop") } }, t("runs.pause")) : null,
      state === "paused" || state === "cut off" ? h("button", { type: "button", data: key("act"), on: { click: () => act("resume") } }, t("runs.resume")) : null,
      h("label", { class: "row" }, h("input", { type: "checkbox", data: key("compare"), checked: chosen.has(card.id), "aria-label": t("runs.pick", { name: card.id }), on: { change: (event) => {
        chosen[event.target.checked ? "add" : "delete"](card.id);
        again(false);
      } } }), h("small", {}, t("runs.compare")))));
}

export async function show(main, { signal }) {
  const chosen = new Set();
  const list = h("div", { class: "cards" });
  const beginning = h("div", { class: "stack" });
  const both = h("a", { class: "button", hidden: true }, t("runs.compare"));
  let last = "", found = null;
  const draw = () => {
    fill(beginning, found.beginning.map((item) => h("div", { class: "panel" }, h("div", { class: "row" }, h("b", {}, item.id), tag({ ...item, state: "starting" })),
      h("button", { type: "button", on: { click: () => attempt(async () => { await post("/api/run/act", { id: item.id, act: item.fault ? "forget" : "stop" }); await again(); }) } }, t(item.fault ? "runs.forget" : "runs.stop")),
      item.fault ? h("p", { class: "alarm" }, item.fault) : null)));
    if (!found.runs.length && !found.beginning.length) {
      fill(list, h("div", { class: "panel" }, h("p", {}, t("runs.none", { folder: found.folder })), h("a", { class: "button primary", href: "#/new" }, t("runs.begin"))));
    } else fill(list, found.runs.map((card) => drawCard(card, chosen, again)));
    both.hidden = chosen.size !== 2;
    both.href = `#/watch/${[...chosen].map(encodeURIComponent).join("/")}`;
  };
  const again = async (fetching = true) => {
    if (fetching) found = await get("/api/runs", { signal });
    const now = JSON.stringify([found, [...chosen]]);
    if (now === last) return;
    // A person who is at one of the cards stays there while they are drawn anew.
    const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    last = now;
    draw();
    if (held) [...list.querySelectorAll("[data-key]")].find((node) => node.dataset.key === held)?.focus();
  };
  fill(main, h("div", { class: "stack" },
    h("div", { class: "row" }, h("h1", { class: "grow" }, t("runs.title")), both, h("a", { class: "button primary", href: "#/new" }, t("runs.new"))),
    beginning, list));
  await again();
  regularly(() => again().catch(() => {}), 2000, signal); // a server that is lost is told of there
}
