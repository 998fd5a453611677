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

const CHARTS = {
  "Losses": ["损失", "损失值", "对局中两个损失都不必下降：平稳就是健康。一个飞涨、另一个下沉，说明一方正在取胜。"],
  "Penalties": ["惩罚项", "损失值", "让判别器保持平滑的项。开始大，随后平稳。"],
  "Fooling rate": ["骗过率", "生成图像的百分比", "判别器把生成图像当成真的有多频繁。接近 0 时它每次都赢，生成器学不到东西；接近 50 时双方势均力敌。"],
  "Score gap": ["分数差", "分数的标准差", "判别器给一类图像的分数比另一类高多少。第二条曲线离开零点，说明它在死记训练图像。"],
  "Unseen images ranked low": ["未见图像排名过低", "未见图像的比例", "接近 0.05 说明判别器对未见过的真实图像一视同仁；升高说明它背下了训练图像。"],
  "Label agreement": ["标签一致性", "图像的比例", "与样本最像的真实图像属于所要求类别的频率。落到随机水平说明标签没被理会；真实图像的值是上限。"],
  "Spread of scores": ["分数的散布", "判别器的分数", "判别器打分的尺度。无休止地增长是发散的征兆。"],
  "Gradient norms": ["梯度范数", "梯度的范数", "双方每一步的大小。突然跳升或滑向零，往往先于失败出现。"],
  "Coverage": ["覆盖率", "真实图像的比例", "真实数据中有多少在附近有生成样本。下降说明生成器在丢掉某些种类。"],
  "Repetition": ["重复率", "样本对的比例", "两个样本几乎是同一张图的频率。升高是模式崩溃的第一个信号。"],
  "Nearest training image": ["最近的训练图像", "距离，未见过的真实图像为 1", "样本离最像的训练图像有多远。远小于 1 是在复制；远大于 1 说明样本不像数据。"],
  "Speed": ["速度", "每秒图像数", "两次测量之间每秒训练的图像数。"],
};
const CURVES = {
  "discriminator": "判别器", "generator": "生成器", "adversarial": "对抗项", "fakes taken for real": "被当成真的生成图像", "the same while training": "训练中的同一数值", "real over generated": "真实高于生成",
  "training over unseen real": "训练高于未见过的真实图像", "below 95 % of training images": "低于 95 % 的训练图像", "samples": "样本", "real images": "真实图像", "most that chance gives": "随机水平的上限", "standard deviation": "标准差",
  "real images with a sample near": "附近有样本的真实图像", "pairs of samples nearly alike": "几乎相同的样本对", "sample to its nearest": "样本到最近训练图像", "images a second": "每秒图像数",
};
const FACTS = { Device: "设备", Threads: "线程数", Precision: "数值格式", Seed: "随机种子" };

/** A chart with its title, unit, reading and curves in the chosen language. */
export function chart(found) {
  if (language() !== "zh") return found;
  const [title, unit, reading] = CHARTS[found.title] ?? [found.title, found.unit, found.reading];
  const distance = found.unit === "distance to real images";
  return { ...found, title, unit: distance ? "到真实图像的距离" : unit, reading: distance ? "样本整体上离真实图像有多远，越低越好。" : reading,
    series: found.series.map((one) => ({ ...one, label: CURVES[one.label] ?? one.label })) };
}

export const fact = (name) => (language() === "zh" && FACTS[name]) || name;
