// Classes of images that are dropped, by a discriminator that was trained to tell.

import { attempt, equivalent, field, fill, h, post, t, words } from "../core.js";
import { dropPlace, modelChoice, noModel, option, photoList, saveAs, thumbnail } from "./use-parts.js";

words({
  en: { "use.fit": "Images that are not square", "use.crop": "crop", "use.pad": "pad", "use.stretch": "stretch", "use.photo": "Image", "use.probability": "Probability", "use.next": "Then", "use.csv": "CSV", "use.tell": "Classify", "use.told": "{n} images", "use.class": "Class", "use.classes": "Classes of the images" },
  zh: { "use.fit": "非正方形图像", "use.crop": "裁剪", "use.pad": "补边", "use.stretch": "拉伸", "use.photo": "图像", "use.probability": "概率", "use.next": "其次", "use.csv": "CSV", "use.tell": "分类", "use.told": "{n} 张图像", "use.class": "类别", "use.classes": "图像的类别" },
});

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export async function show(place, { models, chosen, signal }) {
  const choice = modelChoice(models, "classify", chosen);
  if (!choice.known.length) return fill(place, noModel());
  let found = null;
  const photos = await photoList(() => draw(), signal), ids = () => photos.all.map((photo) => photo.id);
  const fit = h("select", {}, ["crop", "pad", "stretch"].map((name) => option(name, t(`use.${name}`))));
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("use.classes") }), status = h("p", { role: "status", class: "soft" }), notes = h("div", {});
  const same = equivalent();
  const csv = h("button", { type: "button", disabled: true, on: { click: () => saveAs(new Blob([found.csv], { type: "text/csv" }), "classes.csv") } }, t("use.csv"));
  const tell = h("button", { type: "button", class: "primary", on: { click: () => attempt(async () => {
    tell.disabled = true;
    try { found = await photos.use(() => post("/api/classify", { model: choice.value, photos: ids(), fit: fit.value }, { signal })); } finally { tell.disabled = !photos.all.length; }
    draw();
  }) } }, t("use.tell"));
  const forget = h("button", { type: "button", on: { click: () => attempt(async () => { await photos.remove(ids()); found = null; draw(); }) } }, t("use.removeAll"));
  const draw = () => {
    const told = new Map((found?.rows ?? []).map((row) => [row.photo, row.classes]));
    tell.disabled = forget.disabled = !photos.all.length;
    csv.disabled = !found;
    status.textContent = t("use.told", { n: photos.all.length });
    fill(notes, (found?.notes ?? []).map((text) => h("p", { class: "soft" }, text)));
    fill(table, photos.all.length ? h("table", { class: "photos" }, h("thead", {}, h("tr", {}, [t("use.photo"), t("use.class"), t("use.probability"), t("use.next")].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, photos.all.map((photo) => {
        const [best, ...others] = told.get(photo.id) ?? [];
        return h("tr", {}, h("th", { scope: "row" }, h("span", { class: "row" }, photo.size === null ? h("span", { class: "thumb" }, "?") : h("img", { class: "thumb pixel", src: thumbnail(photo), alt: "", loading: "lazy" }), photo.name)),
          h("td", {}, best ? h("b", {}, best.name) : "–"), h("td", {}, best ? percent(best.probability) : ""),
          h("td", {}, h("small", {}, others.map((one) => `${one.name} ${percent(one.probability)}`).join(", "))));
      }))) : null);
    const names = photos.all.length > 3 ? ["photos"] : photos.all.map((photo) => photo.name);
    same.update("classify", { model: choice.word, inputs: names.length ? names : ["photos"], fit: fit.value, out: "classes.csv" });
  };
  for (const control of [choice.node, fit]) control.addEventListener("change", () => { found = null; draw(); });
  fill(place, h("section", { class: "panel stack" }, h("div", { class: "row end" }, field(t("use.model"), choice.node), field(t("use.fit"), fit), tell, csv, forget), dropPlace(photos.put, signal), same.node),
    h("section", { class: "panel stack" }, status, table, notes));
  return draw();
}
