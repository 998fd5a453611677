"""What every verb can be told: one dataclass a verb, the same for the shell and for Python.

A field's name is the flag and the keyword, its docstring the help, its type the limit. What the
shell and an editor are told of a value may differ: a shell has words where Python has a model or an
array as well.
"""

import ast
import dataclasses
import functools
import inspect
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_type_hints

from elegan.settings import TrainSettings
from elegan.settings.limits import Count, Limit, Seed, Share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from torch import Tensor
    from torch.utils.data import Dataset

    from elegan.applications.photos.journal import Watch
    from elegan.applications.runs import Run
    from elegan.models import Model

    AnyPath = str | Path
    AnyModel = AnyPath | Model | Run
    AnyData = AnyPath | np.ndarray | Tensor | Dataset[Any]
    AnyMask = AnyPath | np.ndarray
    Inputs = AnyPath | Sequence[AnyPath]
    Names = dict[str, str]
    Palette = AnyPath | dict[str, Any]
    InPython = dict[str, Any]
    OnTick = Callable[[dict[str, Any]], None]
    Watching = Watch
else:  # what the shell takes: words
    AnyModel = AnyPath = AnyData = AnyMask = Palette = str
    Inputs = list[str]
    Names = dict[str, str]

    class InPython(dict):
        """What only Python can say."""

    OnTick = Watching = InPython

Fit = Literal["crop", "pad", "stretch"]
Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
Quality = Annotated[int, Limit(least=1, most=100)]
Radius = Annotated[int, Limit(least=0, most=200)]
Scale = Annotated[float, Limit(above=0, most=16)]
Several = Annotated[int, Limit(least=2)]


@dataclass(frozen=True)
class Train(TrainSettings):
    """Train a model; the same command again resumes where it stopped."""

    data: AnyData  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    """A known name (`elegan list data`), a folder, a zip, IDX files, .npy or .npz; in Python also
    arrays [N, H, W(, C)] or a data set of (image, label)."""
    _: KW_ONLY
    on_tick: OnTick | None = None
    """Called after each measurement with its event: images, losses, signals, health and more."""


@dataclass(frozen=True)
class Resume:
    """Continue a run from its newest checkpoint."""

    run: AnyPath
    """The run folder."""


@dataclass(frozen=True)
class Inspect:
    """Read every file of a data set: verdicts, contact sheet, duplicates, balance, advice."""

    data: AnyPath
    """A known name, a folder, a zip, IDX files, .npy or .npz."""
    _: KW_ONLY
    resolution: int | None = None
    """Side in pixels that training would use."""
    channels: int | None = None
    """1 or 3."""
    fit: Fit = "crop"
    """How images that are not square become so."""
    ground: str = "white"
    """Colour that is laid under what is transparent: a name or #RRGGBB."""
    out: AnyPath | None = None
    """A .png file for the contact sheet; without it none is drawn."""


@dataclass(frozen=True)
class Generate:
    """Draw images from a model into one sheet (.png), arrays (.npz) or a folder of files."""

    SHELL_OUT: ClassVar = "samples.png"

    model: AnyModel
    """A run folder, a model folder or a file within."""
    _: KW_ONLY
    n: int = 64
    """How many images."""
    seed: Seed = 0
    """The same seed gives the same images."""
    label: str | None = None
    """Class to draw, by name, or by index where no name is a number (conditional models)."""
    truncation: float | None = None
    """Below 1: typical, less varied images, of networks with styles (preset style)."""
    best: Annotated[float, Limit(above=0, most=1)] = 1.0
    """Keep this share, of each class, that the discriminator likes best; more are drawn."""
    latents: AnyPath | None = None
    """FILE.npz of `elegan project`, to draw its latents in place of random ones."""
    out: AnyPath | None = None
    """FILE.png, FILE.npz or a folder."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Interpolate:
    """Walk through a model's latent space in an animated GIF."""

    model: AnyModel
    """A run folder, a model folder or a file within."""
    _: KW_ONLY
    out: AnyPath = "interpolation.gif"
    """FILE.gif."""
    n: int = 8
    """Points that the walk passes."""
    frames: int = 12
    """Steps from one point to the next."""
    seed: Seed = 0
    """Of the points."""
    label: str | None = None
    """Class to draw (conditional models)."""
    columns: int = 4
    """The GIF shows columns x columns walks side by side."""


@dataclass(frozen=True)
class Project:
    """Find the latents whose images come nearest to given ones."""

    SHELL_OUT: ClassVar = "projected"

    model: AnyModel
    """A run folder, a model folder or a file within."""
    inputs: Inputs
    """Image files, folders, zips, .npz, .npy or known names."""
    _: KW_ONLY
    out: AnyPath | None = None
    """A folder for pairs.png (target, reconstruction) and latents.npz."""
    label: str | None = None
    """Class to draw; by default that of the nearest random image (conditional models)."""
    steps: int = 300
    """Steps of the search."""
    candidates: int = 512
    """Random images that the search begins among."""
    restarts: int = 4
    """How many of the nearest of them are followed."""
    seed: Seed = 0
    """Of those images."""
    fit: Fit = "crop"
    """How images that are not square become so."""


@dataclass(frozen=True)
class Directions:
    """Show the directions of latent space that change the image most."""

    model: AnyModel
    """A run folder, a model folder or a file within."""
    _: KW_ONLY
    out: AnyPath = "directions.png"
    """FILE.png, a block of rows for each direction; FILE.npz beside it holds the vectors."""
    n: int = 6
    """How many directions."""
    strength: float = 3.0
    """The sheet goes from -strength to +strength standard deviations."""
    samples: int = 3
    """Images that each direction is shown on."""
    seed: Seed = 0
    """Of those images."""
    label: str | None = None
    """Class to draw (conditional models)."""


@dataclass(frozen=True)
class Classify:
    """Say which class each image shows, by a discriminator that was trained to tell."""

    model: AnyModel
    """A run folder, a model folder or a file within, of `train --preset classify`."""
    inputs: Inputs
    """Image files, folders, zips, .npz, .npy or known names."""
    _: KW_ONLY
    split: Literal["train", "test"] | None = None
    """By default the test split where there is one."""
    fit: Fit = "crop"
    """How images that are not square become so; as in training."""
    out: AnyPath | None = None
    """FILE.csv for a line an image."""


@dataclass(frozen=True, kw_only=True)
class _Photos:
    """What is told of every use of a model from images to images."""

    model: AnyModel | None = None
    """A run folder, a model folder or the name of a shipped model; by default the shipped one that
    serves best."""
    strength: Share = 1.0
    """0 (faithful, or the photo itself) to 1 (all that the model was trained to do)."""
    out: AnyPath | None = None
    """A folder, in which files keep their names; by default upscaled, restored or stylized."""
    format: Literal["auto", "png", "jpeg", "webp", "tiff"] = "auto"
    """Of the files; auto is the photo's own where it can hold the result."""
    quality: Quality | None = None
    """Of JPEG, WebP and AVIF, 1 to 100; by default 95, or lossless where a WebP photo is."""
    overwrite: bool = False
    """Also replace files in --out that elegan did not write."""
    compare: bool = False
    """Also write before and after side by side, at 1:1, where most has changed: OUT/compare."""
    tile: Count | None = None
    """Largest side of a tile in pixels; by default as memory allows."""
    device: Device = "auto"
    """Where to compute."""
    watch: Watching | None = None
    """Is told how a batch of files goes on, and asked whether to stop."""


@dataclass(frozen=True, kw_only=True)
class Upscale(_Photos):
    """Make photos larger; files that are finished in --out are kept, the rest goes on."""

    scale: Scale | None = None
    """Any number up to 16; by default the model's own."""


@dataclass(frozen=True, kw_only=True)
class Restore(_Photos):
    """Undo damage in photos: holes, scratches, rain, haze, stripes, blur, noise."""

    task: str = "auto"
    """inpaint, derain, dehaze, destripe, deblur, denoise or several, comma-separated; auto is
    inpaint where there is a mask, and else looks at each photo and says what it found."""
    mask: AnyMask | None = None
    """What to change: a file (white: change), a folder of files named as the photos, alpha, auto
    (scratches), or a painted colour as #RRGGBB. All else stays bit for bit."""
    dilate: Radius | None = None
    """Pixels by which the mask grows; by default 2 for a colour, 1 for auto, else 0."""
    feather: Radius | None = None
    """Pixels beyond that over which new fades into old; by default as --dilate."""


@dataclass(frozen=True, kw_only=True)
class Stylize(_Photos):
    """Give photos, drawings or the frames of GIFs and videos another style."""

    preserve_colour: bool = False
    """Take only lightness from the style, and the colours from the photo."""
    flatten: bool = False
    """Make the result opaque; what was transparent is shown to the model on white."""


@dataclass(frozen=True)
class Character:
    """Make characters: maps of parts, key points, outlines, the finished picture."""

    model: AnyModel | None = None
    """A run of task characters or its model; by default the shipped one."""
    _: KW_ONLY
    n: int = 1
    """How many."""
    seed: Seed = 0
    """The same seed gives the same characters."""
    attribute: Names = field(default_factory=dict)
    """NAME=VALUE, such as hair=pink; may be repeated."""
    size: Annotated[int, Limit(least=16, most=4096)] | None = None
    """Side of the pictures in pixels, which are drawn from the curves; by default 512."""
    stages: bool = False
    """Also pictures of the feature map, the key points, the outline and what the network paints."""
    transparent: bool = False
    """On nothing in place of white."""
    svg: bool = False
    """Also the drawing as SVG; of a model with a style of its own the outlines in flat colours."""
    sprite_sheet: bool = False
    """Also all characters in one picture."""
    gif: bool = False
    """Also a film from each character to the next."""
    palette: Palette | None = None
    """lock gives all the colours of the first; or a JSON file of colours."""
    points: AnyPath | None = None
    """A file NAME.points.json, edited or not, to be rendered in place of a draw."""
    out: AnyPath = "characters"
    """A folder."""


@dataclass(frozen=True)
class Prune:
    """Make a generator smaller and faster by removing channels; scores before and after."""

    model: AnyModel
    """A run folder, a model folder or a file within."""
    data: AnyPath | None = None
    """What scores and fine-tuning use."""
    _: KW_ONLY
    sparsity: float = 0.5
    """Share of the channels to remove; widths stay multiples of 8."""
    finetune: int | None = None
    """Train both players on for so many images (also as 50k)."""
    out: AnyPath = "pruned"
    """A folder for model/, the table pruning.md and, after fine-tuning, the run finetune/."""
    steps: int = 300
    """In which the small generator learns to draw what the large one drew."""
    importance: Literal["activation", "weight"] = "activation"
    """Which channels stay."""
    n: int = 10_000
    """Samples that each score is taken of."""
    seed: Seed = 0
    """Of latents and fine-tuning."""


@dataclass(frozen=True)
class Augment:
    """Make more training images of each class, and say whether they help a classifier."""

    data: AnyPath
    """A folder with one subfolder a class, or any labelled data."""
    _: KW_ONLY
    per_class: Count | None = None
    """Images to make of each class; with --balance the size to fill classes up to, by default that
    of the largest."""
    out: AnyPath = "augmented"
    """A folder for images/, report.html and report.json; the same command goes on in it."""
    limit: Count | None = None
    """Use so many given images of each class only, drawn by the seed."""
    unlabelled: AnyPath | None = None
    """More images of the same kind without labels: the pool."""
    balance: bool = False
    """Fill up small classes."""
    share: Annotated[float, Limit(above=0, most=1)] | None = None
    """Of generated images in training; by default chosen on folds of the given labels."""
    images: Count = 20_000
    """Real images that each generator is trained on, counted each time (also as 20k)."""
    draws: Annotated[int, Limit(least=2, why="one tells no interval")] = 5
    """Folds of the given labels; each has a generator of its own."""
    seeds: Count = 3
    """Classifiers for each arm of each draw."""
    steps: Count = 200
    """Of each classifier."""
    seed: Seed = 0
    """Of every draw."""
    resolution: int | None = None
    """Side of the images in pixels; by default that of the data."""
    fit: Fit = "crop"
    """How images that are not square become so."""
    kinds: str = "digits"
    """What the discriminator's images undergo, of a kind that leaves classes alone; photos for
    photographs."""
    flip: bool = False
    """A mirrored image is of the same class."""
    band: tuple[float, float] = (0.5, 1.0)
    """What a classifier's probability of the class asked for must lie within."""
    reject: Annotated[float, Limit(least=0, below=1)] = 0.1
    """Share of each class that the discriminator likes least, dropped."""
    gan: InPython = field(default_factory=dict)
    """Further settings of the generator's training, nested as in settings.json."""


@dataclass(frozen=True)
class Evaluate:
    """Score a model: its samples beside real images, or its pictures beside the true ones."""

    model: AnyModel
    """A run folder, a model folder or a file within."""
    data: AnyPath
    """What to compare with."""
    _: KW_ONLY
    n: int | None = None
    """Samples to draw; 10,000 unless said."""
    seed: Seed = 0
    """Of the samples, or of the damage to be undone."""
    extractor: str | None = None
    """digits, stacked-digits, fashion or random; by default the data's own."""
    limit: Count | None = None
    """Compare with so many real images only (per class where labelled)."""
    fit: Fit | None = None
    """How images that are not square become so; crop unless said."""
    split: Literal["train", "test"] | None = None
    """Of a model from images to images; by default test where there is one."""
    target: AnyPath | None = None
    """Of a stylizer: the images to be like, where DATA does not hold both."""


@dataclass(frozen=True)
class Health:
    """Say how a run stands and what its alarms were, with causes and remedies, in plain words."""

    run: AnyPath
    """The run folder, finished or not."""


@dataclass(frozen=True)
class Report:
    """Write report.html of a run anew."""

    run: AnyPath
    """The run folder, finished or not."""


@dataclass(frozen=True)
class List:
    """List what can be named: presets, data, tasks, networks, losses and more."""

    what: str = "presets"
    """presets, data, tasks, networks, losses, augmentations, degradations or metrics."""


@dataclass(frozen=True)
class Doctor:
    """Show what this machine offers and whether everything that elegan needs works."""


@dataclass(frozen=True)
class Bench:
    """Measure this machine: its arithmetic, what each preset makes of it, and how long it takes."""

    _: KW_ONLY
    presets: tuple[str, ...] = ("robust", "article", "dcgan", "style")
    """Which presets to measure, of those that draw images from noise."""
    resolution: Annotated[int, Limit(least=16, most=256)] = 28
    """Side of the images in pixels."""
    channels: Literal[1, 3] = 1
    """1 for gray, 3 for colour."""
    batch: Annotated[int, Limit(least=2)] | None = None
    """In place of each preset's own."""
    seconds: Annotated[float, Limit(above=0)] = 8.0
    """About how long each preset is trained."""


@dataclass(frozen=True)
class Studio:
    """Open a local page: begin and watch trainings, play the game, use every model."""

    runs: AnyPath = "runs"
    """The folder of the runs that are shown, and for those that are begun."""
    _: KW_ONLY
    port: Annotated[int, Limit(least=1, most=65535)] = 8471
    """Where the page is served; the next free one where that is taken."""
    host: str = "127.0.0.1"
    """An address of this machine. Any but the default lets others on the network in who know the
    address with its token."""
    no_browser: bool = False
    """Do not open the browser; the address is printed in either case."""


VERBS: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (
        *(Train, Resume, Inspect, Generate, Interpolate, Project, Directions, Classify),
        *(Upscale, Restore, Stylize, Character, Prune, Augment, Evaluate),
        *(Health, Report, List, Doctor, Bench, Studio),
    )
}
"""Every verb and its options, in the order of the help."""


@functools.cache
def help_of(kind: type) -> dict[str, str]:
    """Returns the docstring of each field of a dataclass, its bases' included, by name."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        tree = ast.parse(inspect.getsource(base)).body[0]
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = after.value if isinstance(after, ast.Expr) else None
                documented = isinstance(text, ast.Constant) and isinstance(text.value, str)
                name = statement.target.id
                found[name] = inspect.cleandoc(str(text.value)) if documented else ""  # pyright: ignore
    return {item.name: found.get(item.name, "") for item in dataclasses.fields(kind)}


def types_of(kind: type) -> dict[str, Any]:
    """Returns the type of each field that the shell can give, by name."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        item.name: hints[item.name]
        for item in dataclasses.fields(kind)
        if InPython not in (hints[item.name], *get_args(hints[item.name]))
    }


FIRST_OF_TRAIN = ("data", "task", "preset", "out", "images", "epochs", "minutes", "size", "batch")
FIRST_OF_TRAIN += ("limit", "seed", "conditional", "resolution", "device", "precision")
"""Settings that the short help shows; `--help-all` shows every one."""
