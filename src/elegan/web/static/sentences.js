// What a run says of itself, in the chosen language. The engine writes English; where a sentence is
// not known here it stays as it is.

import { language } from "./core.js";

const NAMES = {
  collapse: "模式崩溃", missing: "覆盖不全", overfitting: "判别器过拟合", copying: "复制训练图像", divergence: "训练发散", beaten: "判别器完胜",
  labels: "标签可疑", "ignored-labels": "不理会标签", "few-images": "图像太少", inverted: "明暗颠倒",
};
const ALARMS = {
  collapse: "很多样本彼此雷同：生成器只画得出少数几种图像。",
  missing: "真实图像中有很大一部分没有被生成出来。",
  overfitting: "判别器给训练图像的分数明显高于未见过的真实图像：它在死记硬背。",
  copying: "样本离训练图像太近：生成器在复制。",
  divergence: "训练正在发散。",
  beaten: "判别器几乎抓住了所有生成图像，生成器不再进步。",
  labels: "标签看起来被打乱了，或者各类别在外观上没有区别。",
  "ignored-labels": "样本与所要求的类别不符：生成器没有理会标签。",
  "few-images": "可供训练的图像太少，生成器会学着复制它们。",
  inverted: "输入中的暗处在输出中变亮了。",
};
const FORMS = [
  [/^the discriminator is ahead: (\d+%) of fakes caught/i, "判别器占上风：识破了 $1 的生成图像"],
  [/^the generator is ahead: (\d+%) of fakes pass for real/i, "生成器占上风：$1 的生成图像被当成真的"],
  [/^evenly matched: (\d+%) of fakes pass for real/i, "势均力敌：$1 的生成图像被当成真的"],
  [/^(\d+%) of fakes caught/i, "识破了 $1 的生成图像"],
  [/^(\d+%) of fakes pass for real/i, "$1 的生成图像被当成真的"],
  [/^(\d+%) of real images checked are classified with confidence/i, "抽查的真实图像中有 $1 能被有把握地分类"],
  [/^([\d.]+) dB from the truth, ([+-][\d.]+) dB over the input/i, "与真值相比 $1 dB，比输入好 $2 dB"],
  [/^nothing is measured at this tick but the losses/i, "这一刻除了损失没有测量别的"],
];

const translated = (text) => {
  for (const [form, words] of FORMS) if (form.test(text)) return text.replace(form, words);
  return text;
};

/** The sentence of a tick, as the engine wrote it: "alarm NAMES: ...", or "...; coverage N%". */
export function health(text) {
  if (language() !== "zh") return text && text[0].toUpperCase() + text.slice(1);
  const [, names, rest] = /^(?:alarm ([^:]+): )?(.*)$/s.exec(text);
  const said = translated(rest).replace(/; coverage (\d+%)/, "；覆盖率 $1");
  return names ? `警报（${names.split(", ").map((name) => NAMES[name] ?? name).join("、")}）：${said}` : said;
}

/** What an alarm says; its figures and remedy stay in the engine's words. */
export function alarmText(alarm) {
  return language() === "zh" && ALARMS[alarm.name] ? `${NAMES[alarm.name]}：${ALARMS[alarm.name]}` : alarm.text;
}

const STATES = [
  [/^Training reached its goal after ([\d,]+)(?: of ([\d,]+))? images, (.+) of training\.$/, "训练已达到目标：看过 $1 张图像。"],
  [/^Training was stopped \(.*\) after ([\d,]+)(?: of ([\d,]+))? images, .*$/, "训练已停止，看过 $1 张图像；全部状态都已保存。"],
  [/^No end was recorded after ([\d,]+)(?: of ([\d,]+))? images, .*$/, "没有结束记录，看过 $1 张图像：训练仍在进行，或被中断。"],
  [/^The guard stopped training after ([\d,]+).*$/, "保护机制在看过 $1 张图像后停止了训练。"],
];

/** Whether and why a training ended. */
export function state(text) {
  if (language() !== "zh") return text;
  for (const [form, words] of STATES) if (form.test(text)) return text.replace(form, words);
  return text;
}
