// The report of a run, as its file shows it.

import { fill, h, query, t, words } from "../core.js";
import { runAddress } from "./runs.js";

words({
  en: { "report.title": "Report of {name}", "report.back": "Back to the run", "report.alone": "Open it alone" },
  zh: { "report.title": "{name} 的报告", "report.back": "返回训练", "report.alone": "单独打开" },
});

export async function show(main, { parts: [id] }) {
  const address = `/api/run/report?${query({ id })}`;
  fill(main, h("div", { class: "stack" },
    h("div", { class: "row" }, h("h1", { class: "grow" }, t("report.title", { name: id })), h("a", { class: "button", href: runAddress(id) }, t("report.back")), h("a", { class: "button", href: address, target: "_blank", rel: "noopener" }, t("report.alone"))),
    h("iframe", { class: "report", src: address, title: t("report.title", { name: id }), sandbox: "" })));
}
