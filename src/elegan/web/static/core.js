// What every page builds on: elements, words, requests, messages.

const SVG = new Set(["svg", "g", "path", "line", "circle", "rect", "text", "polyline", "polygon", "title", "defs", "marker"]);

/** Makes an element; see the table of props below. Text is always text, never markup. */
export function h(tag, props, ...children) {
  const svg = SVG.has(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (name === "class") node.setAttribute("class", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Puts children in place of what an element holds. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// --- words ------------------------------------------------------------------------------------

const texts = { en: {}, zh: {} };
const kept = localStorage.getItem("language");
let current = kept ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export const language = () => current;

export function setLanguage(name) {
  current = name;
  localStorage.setItem("language", name);
}

/** Calls `act` every so many milliseconds while the page can be seen, until `signal` fires. */
export function regularly(act, milliseconds, signal) {
  const timer = setInterval(() => { if (!document.hidden) act(); }, milliseconds);
  signal.addEventListener("abort", () => clearInterval(timer));
}

export function words(more) {
  for (const name of ["en", "zh"]) Object.assign(texts[name], more[name]);
}

/** Returns a text in the chosen language with its {places} filled. */
export function t(key, values = {}) {
  const text = texts[current][key] ?? texts.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const missingWords = () => ["en", "zh"].flatMap((name) => {
  const other = texts[name === "en" ? "zh" : "en"];
  return Object.keys(texts[name]).filter((key) => !(key in other));
});

// --- requests ---------------------------------------------------------------------------------

let away = null; // how the server has been said to be lost

/** Says once that the server is gone, or has forgotten this browser, and takes it back later. */
function reached(lost) {
  if (lost !== away) say(lost ? t(lost) : "", "error");
  away = lost;
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    reached("core.lost");
    throw new Error(t("core.lost"));
  }
  reached(answer.status === 401 ? "core.locked" : null);
  if (!answer.ok) {
    const found = await answer.json().catch(() => ({}));
    const error = new Error(found.error ?? t("core.failed", { status: answer.status }));
    error.status = answer.status;
    throw error;
  }
  const kind = answer.headers.get("content-type") ?? "";
  return kind.startsWith("application/json") ? answer.json() : answer.blob();
}

const json = { "content-type": "application/json" };
export const get = (path, { signal } = {}) => ask(path, { signal });
export const post = (path, value, { signal } = {}) =>
  ask(path, { method: "POST", headers: json, body: JSON.stringify(value ?? {}), signal });
export const put = (path, blob, { signal } = {}) => ask(path, { method: "PUT", body: blob, signal });
export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined)).toString();

/** Returns a function of which only the newest call counts: an earlier one is given up. */
export function newest(act) {
  let last = null;
  return async (...values) => {
    last?.abort();
    const mine = (last = new AbortController());
    try {
      return await act(...values, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return undefined;
      throw error;
    }
  };
}

// --- messages ---------------------------------------------------------------------------------

let clearing = 0;

export function say(text, kind = "") {
  const place = document.getElementById("said");
  fill(place, text ? h("p", { class: kind === "error" ? "said error" : "said" }, text,
    h("button", { type: "button", "aria-label": t("core.close"), on: { click: () => fill(place) } }, "×")) : "");
  clearTimeout(clearing);
  if (text && kind !== "error") clearing = setTimeout(() => fill(place), 6000);
}

/** Runs something that a person asked for, and says how it failed. */
export async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, "error");
    return undefined;
  }
}

// --- how values are shown ---------------------------------------------------------------------

export const count = (value) => Number(value).toLocaleString(current === "zh" ? "zh-CN" : "en");

export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  if (size && size < 1e-4) return value.toExponential(1);
  return `${+value.toPrecision(3)}`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return t("core.seconds", { n: whole });
  if (whole < 3600) return t("core.minutes", { n: Math.round(whole / 60) });
  return t("core.hours", { h: Math.floor(whole / 3600), m: String(Math.floor((whole % 3600) / 60)).padStart(2, "0") });
}

/** A folded block with the command and the call that do the same as a form. */
export function equivalent() {
  const command = h("code", { tabindex: 0 });
  const python = h("code", { tabindex: 0 });
  const copy = (code) => h("button", { type: "button", on: { click: async () => {
    await navigator.clipboard.writeText(code.textContent);
    say(t("core.copied"));
  } } }, t("core.copy"));
  const node = h("details", { class: "equivalent" }, h("summary", {}, t("core.same")),
    h("div", { class: "code" }, command, copy(command)), h("div", { class: "code" }, python, copy(python)));
  const update = newest(async (verb, values, signal) => {
    const found = await post("/api/spell", { verb, values }, { signal });
    command.textContent = found.command;
    python.textContent = found.python;
  });
  return { node, update: (verb, values) => update(verb, values).catch((error) => { command.textContent = error.message; }) };
}

async function filesOf(entry, path = "") {
  if (entry.isFile) return [[`${path}${entry.name}`, await new Promise((found, failed) => { entry.file(found, failed); })]];
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((found, failed) => { reader.readEntries(found, failed); });
    if (!some.length) break;
    for (const one of some) all.push(...await filesOf(one, `${path}${entry.name}/`));
  }
  return all;
}

/** Lets files and folders be dropped; `act` is given pairs of a name, with its folders, and a file. */
export function droppable(node, act) {
  node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("over"); });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    node.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => [file.name, file]); // where there are no entries
    attempt(async () => act(entries.length ? (await Promise.all(entries.map((entry) => filesOf(entry)))).flat() : plain));
  });
}

export const field = (label, control, about) =>
  h("label", { class: "field" }, h("span", {}, label), control, about ? h("small", {}, about) : null);

words({
  en: {
    "core.failed": "The studio answered with an error ({status}).",
    "core.lost": "The studio does not answer. If it still runs in the terminal, this goes on by itself; trainings go on in any case.",
    "core.locked": "The studio was started anew. Open the address that the terminal shows now.",
    "core.close": "Close",
    "core.seconds": "{n} s",
    "core.minutes": "{n} min",
    "core.hours": "{h} h {m} min",
    "core.same": "The same in the shell and in Python",
    "core.copy": "Copy",
    "core.copied": "Copied.",
  },
  zh: {
    "core.failed": "工作台返回了错误（{status}）。",
    "core.lost": "工作台没有响应。如果它还在终端里运行，页面会自行恢复；训练不受影响。",
    "core.locked": "工作台重新启动过。请打开终端里现在显示的网址。",
    "core.close": "关闭",
    "core.seconds": "{n} 秒",
    "core.minutes": "{n} 分钟",
    "core.hours": "{h} 小时 {m} 分",
    "core.same": "等价的命令行与 Python 写法",
    "core.copy": "复制",
    "core.copied": "已复制。",
  },
});
