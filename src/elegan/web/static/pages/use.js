// What can be used: models of runs and those that come with elegan, each with the form that fits.

import { fill, get, h, t, words } from "../core.js";
import { picture } from "./runs.js";

words({
  en: {
    "use.title": "Use", "use.about": "Models of your runs, and those that come with elegan.", "use.open": "Open", "use.shipped": "comes with elegan", "use.trained": "trained on {data}", "use.scale": "{n}×", "use.gone": "There is no model '{name}'.", "use.empty": "No model yet.",
    "use.generate": "Generate", "use.upscale": "Upscale", "use.restore": "Restore", "use.stylize": "Stylize", "use.characters": "Characters", "use.classify": "Classify",
    "use.generate.about": "Draw images from noise, move them along directions, walk from one to another.", "use.upscale.about": "Make photos larger.", "use.restore.about": "Undo damage: noise, rain, haze, holes that you paint.", "use.stylize.about": "Give photos or drawings another style.",
    "use.characters.about": "Draw characters, then move their points and change their colours.", "use.classify.about": "Say which class each image shows.", "use.with": "{use} with {name}",
  },
  zh: {
    "use.title": "使用模型", "use.about": "你训练的模型，以及随 elegan 附带的模型。", "use.open": "打开", "use.shipped": "随 elegan 附带", "use.trained": "训练数据：{data}", "use.scale": "{n}×", "use.gone": "没有名为“{name}”的模型。", "use.empty": "还没有模型。",
    "use.generate": "生成", "use.upscale": "放大", "use.restore": "修复", "use.stylize": "风格化", "use.characters": "角色", "use.classify": "分类",
    "use.generate.about": "从噪声生成图像，沿潜空间方向移动，或在两张图像之间漫步。", "use.upscale.about": "放大照片。", "use.restore.about": "消除损伤：噪声、雨、雾，以及你涂抹的缺损。", "use.stylize.about": "为照片或画作换一种风格。",
    "use.characters.about": "生成角色，然后移动关键点、更换配色。", "use.classify.about": "判断每张图像属于哪一类。", "use.with": "用 {name} {use}",
  },
});

const FORMS = { generate: "generate", upscale: "photos", restore: "photos", stylize: "photos", characters: "characters", classify: "classify" };
export const address = (use, id) => `#/use/${use}${id ? `/${encodeURIComponent(id)}` : ""}`;

function card(model, use, pictures) {
  const which = pictures.get(model.run);
  const facts = [model.run === null ? t("use.shipped") : model.data ? t("use.trained", { data: model.data }) : "", use === "upscale" && model.scale ? t("use.scale", { n: model.scale }) : "", model.families.join(", ")];
  return h("article", { class: "panel card" },
    which ? h("a", { class: "picture", href: address(use, model.id), tabindex: -1, "aria-hidden": "true" }, h("img", { src: picture(model.run, which), alt: "", loading: "lazy" })) : null,
    h("h3", {}, h("a", { href: address(use, model.id), "aria-label": t("use.with", { use: t(`use.${use}`), name: model.title }) }, model.title)),
    h("small", {}, facts.filter(Boolean).join(" · ")));
}

async function showAll(main, models, signal) {
  const { runs } = await get("/api/runs", { signal });
  const pictures = new Map(runs.map((run) => [run.id, run.picture]));
  fill(main, h("div", { class: "stack" }, h("h1", {}, t("use.title")), h("p", { class: "soft" }, t("use.about")),
    Object.keys(FORMS).map((use) => {
      const known = models.filter((model) => model.uses.includes(use));
      return h("section", { class: "stack tight" }, h("div", { class: "row" }, h("h2", { class: "grow" }, t(`use.${use}`)), known.length ? h("a", { class: "button", href: address(use), "aria-label": `${t("use.open")}: ${t(`use.${use}`)}` }, t("use.open")) : null),
        h("p", { class: "soft" }, t(`use.${use}.about`)), known.length ? h("div", { class: "cards small" }, known.map((model) => card(model, use, pictures))) : h("small", {}, t("use.empty")));
    })));
}

export async function show(main, { parts, signal }) {
  const { models } = await get("/api/models", { signal });
  if (!parts.length) return showAll(main, models, signal);
  // A run comes before a verb of the same name, unless more follows.
  const named = parts[0] === "run" && parts.length > 1 ? parts[1] : parts[0];
  const model = parts.length > 1 && parts[0] !== "run" ? models.find((one) => one.id === parts[1]) : models.find((one) => one.run === named);
  const use = Object.hasOwn(FORMS, parts[0]) && (parts.length > 1 || !model) ? parts[0] : model?.uses[0];
  if (!use || (parts.length > 1 && !model)) return fill(main, h("p", {}, t("use.gone", { name: parts.at(-1) })), h("a", { class: "button", href: "#/use" }, t("use.back")));
  const { show: draw } = await import(`./use-${FORMS[use]}.js`);
  signal.throwIfAborted(); // another page may be shown by now
  const place = h("div", { class: "stack" });
  fill(main, h("div", { class: "stack" },
    h("div", { class: "row" }, h("h1", { class: "grow" }, t(`use.${use}`)), h("a", { class: "button", href: "#/use" }, t("use.back"))),
    h("nav", { class: "row tabs", "aria-label": t("use.title") }, Object.keys(FORMS).filter((name) => models.some((one) => one.uses.includes(name))).map((name) => h("a", { href: address(name), "aria-current": name === use ? "page" : null }, t(`use.${name}`)))),
    place));
  return draw(place, { models, use, chosen: model?.uses.includes(use) ? model.id : null, signal });
}
