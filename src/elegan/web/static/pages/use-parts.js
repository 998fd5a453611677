// What the forms of the page "Use" have in common: choice of a model, files that are dropped, downloads.

import { count, droppable, fill, get, h, post, put, query, say, t, words } from "../core.js";

words({
  en: {
    "use.model": "Model", "use.best": "The one that serves best", "use.seed": "Seed", "use.another": "Another", "use.drop": "Drop images or folders here", "use.files": "Choose files", "use.folder": "Choose a folder",
    "use.sending": "Sending {n} of {all}: {name}", "use.sent": "Files that came in: {n}", "use.refused": "Files refused: {n}. {why}", "use.none": "No model for this yet. Train one:", "use.train": "New run", "use.back": "All models", "use.remove": "Remove", "use.png": "PNG", "use.removeAll": "Remove all photos",
  },
  zh: {
    "use.model": "模型", "use.best": "最合适的内置模型", "use.seed": "随机种子", "use.another": "换一个", "use.drop": "把图像或文件夹拖到这里", "use.files": "选择文件", "use.folder": "选择文件夹",
    "use.sending": "正在上传第 {n} / {all} 个：{name}", "use.sent": "已收到 {n} 个文件。", "use.refused": "{n} 个文件被拒绝。{why}", "use.none": "还没有可用的模型。先训练一个：", "use.train": "新建训练", "use.back": "所有模型", "use.remove": "移除", "use.png": "PNG", "use.removeAll": "移除所有照片",
  },
});

export const randomSeed = () => Math.floor(Math.random() * 1e6);

/** Returns a function that numbers the requests of one place on the page, so that the newest wins. */
export function seats() {
  const seat = Math.random().toString(36).slice(2, 14);
  let turn = 0;
  return () => ({ seat, turn: ++turn });
}

/** Saves something on the person's own disk. */
export function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** An image of whose address the last one only is kept. */
export function picture(props) {
  const node = h("img", props);
  let address = "";
  return {
    node,
    show(blob) {
      URL.revokeObjectURL(address);
      node.src = address = URL.createObjectURL(blob);
    },
    free() { URL.revokeObjectURL(address); },
  };
}

export const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);

/** A choice among the models that have a use; `none` adds the verb's own choice. */
export function modelChoice(models, use, chosen, none = false) {
  const known = models.filter((model) => model.uses.includes(use));
  const first = chosen ?? (none ? "" : known[0]?.id);
  const node = h("select", {}, none ? option("", t("use.best"), first) : null, known.map((model) => option(model.id, model.title, first)));
  return {
    node,
    known,
    get value() { return node.value || null; },
    get model() { return known.find((model) => model.id === node.value) ?? null; },
    get word() { return known.find((model) => model.id === node.value)?.word ?? null; },
  };
}

export const noModel = () => h("div", { class: "panel row" }, h("p", {}, t("use.none")), h("a", { class: "button primary", href: "#/new" }, t("use.train")));

/** A seed with a button for another one. */
export function seedField(value, act) {
  const input = h("input", { type: "number", min: 0, max: 2147483647, step: 1, value, class: "seed", on: { input: act } });
  const another = h("button", { type: "button", on: { click: () => { input.value = randomSeed(); act(); } } }, t("use.another"));
  const node = h("div", { class: "row end" }, h("label", { class: "field" }, h("span", {}, t("use.seed")), input), another);
  return { node, get value() { return clamp(Math.round(+input.value || 0), 0, 2147483647); } };
}

export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** A place for files, by dragging or by choosing; `added` is called after each one that came in. */
export function dropPlace(added, signal) {
  const status = h("small", { role: "status" });
  const send = async (files) => {
    let done = 0, refused = 0, why = "";
    for (const [name, file] of files) {
      if (signal.aborted) return;
      fill(status, t("use.sending", { n: count(done + 1), all: count(files.length), name }));
      try {
        added(await put(`/api/photos?${query({ name })}`, file, { signal }));
      } catch (error) {
        if (error.name === "AbortError") return;
        refused += 1;
        why ||= error.message;
      }
      done += 1;
    }
    fill(status, refused ? t("use.refused", { n: count(refused), why }) : t("use.sent", { n: count(done) }));
    if (refused) say(t("use.refused", { n: count(refused), why }), "error");
  };
  const chooser = (folder) => {
    const input = h("input", { type: "file", multiple: true, webkitdirectory: folder, accept: folder ? null : "image/*,video/*", class: "visually-hidden", tabindex: -1, "aria-hidden": "true", on: { change: () => {
      send([...input.files].map((file) => [file.webkitRelativePath || file.name, file]));
      input.value = "";
    } } });
    return [h("button", { type: "button", on: { click: () => input.click() } }, t(folder ? "use.folder" : "use.files")), input];
  };
  const node = h("div", { class: "drop stack" }, h("b", {}, t("use.drop")), h("div", { class: "row middle" }, chooser(false), chooser(true)), status);
  droppable(node, send);
  return node;
}

export const thumbnail = (photo) => `/api/photos/preview?${query({ id: photo.id, small: true })}`;

/** The photos that the server holds; `changed` is called whenever they are others.
 *
 * They are read again when the page comes into view, for another page may have removed some. */
export async function photoList(changed, signal) {
  let all = (await get("/api/photos", { signal })).photos;
  const settle = async (ask) => {
    const before = new Set(all.map((photo) => photo.id));
    const { photos } = await ask();
    const found = new Set(photos.map((photo) => photo.id));
    // What came in while the server was asked may be missing in its answer.
    all = [...photos, ...all.filter((photo) => !before.has(photo.id) && !found.has(photo.id))];
    changed();
  };
  const read = () => settle(() => get("/api/photos", { signal }));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) read().catch(() => {}); }, { signal });
  return {
    get all() { return all; },
    read,
    remove: (ids) => settle(() => post("/api/photos/remove", { photos: ids })),
    /** Takes up a photo that came in, or what is new of one. */
    put(photo) {
      const known = all.some((one) => one.id === photo.id);
      all = known ? all.map((one) => (one.id === photo.id ? photo : one)) : [...all, photo];
      changed();
    },
    /** Asks for something with photos; where one is not there any more, the list is read again. */
    async use(act) {
      try {
        return await act();
      } catch (error) {
        if (error.status === 404) await read().catch(() => {});
        throw error;
      }
    },
  };
}
