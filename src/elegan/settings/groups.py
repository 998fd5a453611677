"""Everything a run can be told, as frozen dataclasses; each field says what it does."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from elegan.settings.limits import Count, Limit, Positive, Seed, Share, Weight

Momentum = Annotated[float, Limit(least=0, below=1)]
Patch = Annotated[int, Limit(least=16)]
Resolution = Annotated[int, Limit(least=16, most=256, unit="pixels")]
Size = Annotated[float, Limit(above=0)]


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Which pair of networks; single overrides of what the size dial gives."""

    name: str = "residual"
    """A registered pair; `elegan list networks` prints them."""
    width: Count | None = None
    """Overrides the width that the size dial gives (channels)."""
    generator_width: Count | None = None
    """Overrides the generator's width alone (a pruned generator has its own)."""
    latent: Count | None = None
    """Overrides the length of the noise vector."""
    generator_condition: Literal["concat", "normalisation"] = "concat"
    """How a conditional generator is told the class: joined to the noise, or by class-conditional
    normalisation."""
    clusters: Annotated[int, Limit(least=0)] = 0
    """Without classes: into how many clusters the images are put by what they look like, at most
    one for each 200 of them; both players are told of which an image is. 0 = none."""
    discriminator_condition: Literal["projection", "concat", "classifier"] = "projection"
    """How the discriminator uses the class: projection, as an input map, or by classifying."""


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The adversarial loss and the weights of the penalties; a weight of 0 turns a penalty off."""

    adversarial: str = "relativistic-pair"
    """A registered loss; `elegan list losses` prints them."""
    r1: Weight = 0.0
    """Weight of the zero-centred gradient penalty on real images."""
    r2: Weight = 0.0
    """Weight of the zero-centred gradient penalty on generated images."""
    penalty_pixels: Count | None = None
    """R1 and R2 are their weights for images of so many pixels and grow with the pixels (as in
    StyleGAN2-ADA, appendix C of Karras et al. 2020); by default the same for all."""
    penalty_decay: Positive = 1.0
    """R1 and R2 fall log-linearly to this share of their weight over the first 30 % of the run."""
    wasserstein_gp: Weight = 0.0
    """Weight of the WGAN gradient penalty (10 in the paper)."""
    dragan: Weight = 0.0
    """Weight of the DRAGAN penalty (10 in the paper)."""
    lecam: Weight = 0.0
    """Weight of the LeCam regulariser (0.1 to 0.3 in the paper)."""
    consistency: Weight = 0.0
    """Weight of the consistency penalty under small shifts (10 in the paper)."""
    path_length: Weight = 0.0
    """Weight of path length regularisation (2 in StyleGAN2); networks with styles only."""
    classification: Weight = 1.0
    """Weight of the class losses where the discriminator classifies."""
    pseudo_labels: Weight = 0.0
    """Task classify: weight of agreement between two views of an unlabelled image."""
    alignment: Share = 1.0
    """Task classify: how far pseudo-labels are drawn toward the class shares of labelled images, 0
    to 1; lower it where these are not the shares of all images."""
    smoothing: Share = 0.0
    """One-sided label smoothing: real images count as generated with this weight (0.1 is usual)."""
    flip: Share = 0.0
    """Share of pairs whose labels real and generated are swapped for the discriminator."""
    instance_noise: Weight = 0.0
    """Standard deviation of noise on the discriminator's inputs (images span -1..1), falling
    linearly to 0 over the first half of the run."""
    clip: Weight = 0.0
    """Clips D's weights to [-clip, clip] after each step (0.01 in WGAN); 0 = off."""
    penalty_every: Count = 1
    """Gradient penalties are evaluated each so many steps, their weight multiplied accordingly."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Adam for both players, at two time scales if the rates differ."""

    generator_rate: Positive = 2e-4
    discriminator_rate: Positive = 2e-4
    beta1: Momentum = 0.0
    beta2: Momentum = 0.99
    epsilon: Positive = 1e-8
    warmup: Share = 0.0
    """Share of the run during which the rates rise linearly from 0."""
    hold: Share = 1.0
    """Share of the run after which the rates begin to fall."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """How the rates fall to 0 between `hold` and the end, counted in images."""


@dataclass(frozen=True, kw_only=True)
class EmaSettings:
    """The moving average of the generator's weights, which is what a run delivers."""

    half_life: Positive = 10_000.0
    """Images after which an old weight counts half."""
    ramp: Weight = 0.1
    """The half-life is at most this share of the images seen so far; it rises with the run."""


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """Augmentation of what the discriminator sees, real and generated alike; for few images."""

    kinds: str = ""
    """Kinds or sets of them, comma-separated (`elegan list augmentations`); empty = none."""
    mode: Literal["adaptive", "fixed"] = "adaptive"
    """Whether the probability follows the discriminator's overfitting (ADA) or stays."""
    probability: Share | None = None
    """Of each kind for each image; where adaptive, at the start of the run. By default 1 where
    fixed, as in DiffAugment, and 0 where adaptive, as in ADA."""
    padding: Literal["border", "reflection", "zeros"] = "border"
    """What a shifted or turned image shows beyond its edge: the edge repeated, mirrored, gray."""
    signal: Literal["scores", "held-out"] = "scores"
    """What the adaptive probability follows: r_t, how surely the discriminator tells training
    images; or r_v, how far unseen real images fall behind training images."""
    target: Share = 0.6
    """The overfitting, 0 to 1, that the adaptive probability is held at."""
    images: Positive = 50_000.0
    """The adaptive probability moves from 0 to 1 in so many images at the fastest."""
    pseudo: bool = False
    """Also pass generated images off as real with that probability (APA)."""

    @property
    def first_probability(self) -> float:
        """`probability`, or what stands for it where it is not given."""
        if self.probability is not None:
            return self.probability
        return 1.0 if self.mode == "fixed" else 0.0


@dataclass(frozen=True, kw_only=True)
class MixingSettings:
    """Mixing of real and generated distributions."""

    replay: Share = 0.0
    """Weight of past generated images on the discriminator's generated side, 0 to 1."""
    replay_size: Count = 1024
    """How many past generated images are kept."""
    generated: Share = 0.0
    """Share of the real stream that is replaced by generated images, 0 to 1."""
    model: str | None = None
    """Where these come from: a run or model folder; by default the run's own generator."""


@dataclass(frozen=True, kw_only=True)
class TranslateSettings:
    """From images to images: what the generator starts from and what it is held to."""

    scale: Literal[1, 2, 3, 4] = 1
    """Task upscale: how many times larger the image becomes (also --scale)."""
    patch: Patch = 96
    """Side in pixels of the crops that are trained on."""
    degradation: str = ""
    """What clean images are degraded with. Task upscale: bicubic or blind. Task restore: kinds or
    families of them, comma-separated, or all (`elegan list degradations`)."""
    shrink: Share = 0.5
    """Share of crops that are taken from a smaller copy of their photo, by up to one half."""
    target: str | None = None
    """Task stylize: the folder of the images to be like, where DATA does not hold both (also
    --target)."""
    method: Literal["paired", "contrastive", "cycle"] = "paired"
    """Task stylize: from pairs; or without, one way (CUT) or with cycle consistency (CycleGAN)."""
    reverse: bool = False
    """Task stylize: from B to A in place of A to B."""
    mirror: bool = True
    """Task stylize: mirror half of the crops; not where a side matters, as with text."""
    flat: bool = False
    """Task stylize from pairs: the inputs are line drawings, each area between lines gets one
    colour, and the model takes drawings of any size."""
    depth: Count | None = None
    """Overrides the number of blocks of the generator."""
    adversarial_from: Share = 0.0
    """Share of the run that is for fidelity alone; its weights are kept, and the discriminator
    joins afterwards. 1: it never does."""
    adversarial: Weight = 1.0
    """Weight of the adversarial loss in the generator's."""
    fidelity: Weight = 1.0
    """Weight of the difference to the true image: mean absolute (Charbonnier); task restore: the
    logarithm of an image's mean, so that hardly damaged images count as much."""
    holes: Weight = 0.0
    """How many times more a lost pixel counts in it than a kept one, beyond once."""
    gradient: Weight = 0.0
    """Weight of the difference between the image gradients."""
    feature_matching: Weight = 0.0
    """Weight of the difference between the discriminator's features of both."""
    evenness: Weight = 0.0
    """Task upscale: weight of how unevenly detail lies within cells of the scale, once judged."""
    contrastive: Weight = 1.0
    """Method contrastive: weight of the agreement of patches with those at the same place."""
    cycle: Weight = 10.0
    """Method cycle: weight of cycle consistency."""
    identity: Weight = 0.0
    """Unpaired: weight of leaving an image alone that is like the target already."""
    pool: Count = 50
    """Method cycle: how many past translations the discriminator is also shown."""


@dataclass(frozen=True, kw_only=True)
class CharacterSettings:
    """Tasks of characters: what is drawn, and what the stages are told."""

    count: Count = 2000
    """Data `rendered`: how many characters the renderer draws."""
    maps: Count | None = None
    """Side of the feature maps in pixels; by default half the resolution."""
    attributes: str = "auto"
    """What the generator of maps is told, comma-separated; auto is hair-style, fringe and
    expression, as far as the data have them; empty for nothing."""
    generated: Share = 0.25
    """Stage points: share of the maps that the generator of the first stage draws, 0 to 1."""
    source: str | None = None
    """Stage points: the run or model whose generator draws them."""


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """Beginning from trained weights, and keeping some of them as they are."""

    source: str | None = None
    """A run, a model folder or the name of a shipped model, whose tensors are taken where name and
    shape agree (also --from)."""
    freeze: str = ""
    """Stages that stay as they begin, such as D:3 or D:3,G:1, counted from the input of each
    network (also --freeze)."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What `elegan train` does."""

    data: str
    """A known name (`elegan list data`), a folder, a zip, IDX files, .npy or .npz."""
    task: str = "generate"
    preset: str = "robust"
    """A row of the preset table; `elegan list presets` prints it."""
    out: str | None = None
    """The run folder; by default runs/DATA-PRESET. The same folder again resumes."""
    images: Count | None = None
    """Stop after so many real images seen (also as 200k or 2M)."""
    epochs: Positive | None = None
    """Stop after so many passes over the data."""
    minutes: Positive | None = None
    """Stop after about so many minutes: turned into images by measuring the speed first."""
    size: Size = 1.0
    """The capacity dial: multiplies every width; the learning rates follow as 1/sqrt(size)."""
    batch: Count = 64
    limit: Count | None = None
    """Use so many images only (per class where there are labels), drawn by the seed."""
    labelled: Count | None = None
    """Task classify: how many images of each class have labels; the others are used without."""
    unlabelled: str | None = None
    """Task classify: the class (a folder's name) whose images are of unknown class."""
    balance: bool = False
    """Draw all classes equally often, however unequal they are in number."""
    seed: Seed = 0
    simultaneous: bool = False
    """Both players move by the same discriminator: one pass serves both, which is faster."""
    conditional: bool = False
    """Train on the labels too, so that a class can be asked for."""
    resolution: Resolution | None = None
    """Side of the images in pixels, 16 to 256; by default that of the data."""
    channels: Literal[1, 3] | None = None
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How images that are not square become so."""
    ground: str = "white"
    """Colour that is laid under what is transparent: a name or #RRGGBB."""
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = "auto"
    precision: Literal["auto", "bf16", "float32"] = "auto"
    ticks: Count = 40
    """How many times in a run progress is measured and printed."""
    snapshots: Seed = 10
    """How many times in a run samples, scores and a checkpoint are written; 0 = once an epoch."""
    shown: Count = 64
    """How many samples each sheet in samples/ shows, always from the same noise."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    ema: EmaSettings = field(default_factory=EmaSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    mixing: MixingSettings = field(default_factory=MixingSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    translate: TranslateSettings = field(default_factory=TranslateSettings)
    characters: CharacterSettings = field(default_factory=CharacterSettings)
