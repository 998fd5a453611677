// Which page is shown, and in which language.

import { fill, h, language, say, setLanguage, t, words } from "./core.js";

words({
  en: { "app.runs": "Runs", "app.new": "New run", "app.teach": "Teach", "app.use": "Use", "app.other": "中文", "app.skip": "To the content",
    "app.language": "Switch the language: 中文", "app.pages": "Pages", "app.nothing": "There is no such page." },
  zh: { "app.runs": "训练", "app.new": "新建训练", "app.teach": "课堂", "app.use": "使用模型", "app.other": "English", "app.skip": "跳到正文",
    "app.language": "切换语言：English", "app.pages": "页面", "app.nothing": "没有这个页面。" },
});

const PAGES = { runs: "runs", new: "new", watch: "watch", report: "report", teach: "teach", use: "use" };
const SHOWN = ["runs", "new", "teach", "use"];
const main = document.getElementById("main");
let leaving = new AbortController();

function drawTop(page) {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  const nav = document.getElementById("nav");
  nav.setAttribute("aria-label", t("app.pages"));
  const own = { watch: "runs", report: "runs" }[page] ?? page;
  fill(nav, SHOWN.map((name) => h("a", { href: `#/${name}`, "aria-current": name === own ? "page" : null }, t(`app.${name}`))));
  const button = document.getElementById("language");
  button.textContent = t("app.other");
  button.setAttribute("aria-label", t("app.language"));
  document.querySelector(".skip").textContent = t("app.skip");
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function show() {
  leaving.abort();
  const mine = (leaving = new AbortController());
  let [page = "runs", ...parts] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decoded);
  if ((page === "watch" || page === "report") && !parts.length) page = "runs";
  drawTop(page);
  say("");
  if (!Object.hasOwn(PAGES, page)) return fill(main, h("h1", {}, t("app.nothing")));
  try {
    const { show: draw } = await import(`./pages/${PAGES[page]}.js`);
    if (mine.signal.aborted) return undefined;
    fill(main);
    main.dataset.page = page;
    document.title = `${t(`app.${page}`)} · elegan`.replace(/^app\.\w+/, parts[0] ?? "elegan");
    await draw(main, { parts, signal: mine.signal });
  } catch (error) {
    if (error.name !== "AbortError" && !mine.signal.aborted) say(error.message, "error");
  }
  return undefined;
}

document.getElementById("language").addEventListener("click", () => {
  setLanguage(language() === "zh" ? "en" : "zh");
  show();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => { show(); main.focus({ preventScroll: true }); window.scrollTo(0, 0); });
show();
