"""Which curves a report shows, and how each is read: a table, one row a chart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from elegan.report.collect import RunFacts, finite, number
from elegan.report.curves import COLOURS, Mark, Series, compact, legend, line_chart
from elegan.report.words import images_text
from elegan.training.monitor import Span, alarm_spans

PENALTY_WORDS = ("r1", "r2", "penalty", "drift", "lecam", "dragan", "consistency")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: the recorded names it draws, with their labels, and a sentence on reading it.

    `names` maps a recorded name ("signals.fooling_rate") to the label of its curve. `factor`
    multiplies every value, for percent.
    """

    title: str
    names: Mapping[str, str]
    y_label: str
    reading: str
    log_y: bool = False
    y_range: tuple[float, float] | None = None
    factor: float = 1.0


CHARTS = (
    Chart(
        title="Fooling rate",
        names={
            "signals.fooling_rate": "fakes taken for real",
            "losses.fooled": "the same while training",
        },
        y_label="% of fakes",
        y_range=(0.0, 100.0),
        factor=100.0,
        reading="How often the discriminator takes a generated image for a real one. Near 0 it "
        "wins every time and the generator learns little; near 50 the two are matched.",
    ),
    Chart(
        title="Score gap",
        names={
            "signals.score_gap": "real over generated",
            "signals.held_out_gap": "training over unseen real",
        },
        y_label="standard deviations of the score",
        reading="How much higher the discriminator scores one kind of image than the other. When "
        "the second curve leaves zero, it is learning its training images by heart.",
    ),
    Chart(
        title="Unseen images ranked low",
        names={"signals.held_out_low": "below 95 % of training images"},
        y_label="share of unseen images",
        y_range=(0.0, 1.0),
        reading="Near 0.05 the discriminator treats unseen real images like those it is shown; a "
        "rise means that it knows its training images by heart.",
    ),
    Chart(
        title="Label agreement",
        names={
            "signals.label_agreement": "samples",
            "signals.label_agreement_real": "real images",
            "signals.label_agreement_chance": "most that chance gives",
        },
        y_label="share of images",
        y_range=(0.0, 1.0),
        reading="How often the real image most like a sample is of the class that was asked for. "
        "At the line of chance the labels go unheeded; that of real images is the most there is.",
    ),
    Chart(
        title="Spread of scores",
        names={"signals.score_scale": "standard deviation"},
        y_label="of the discriminator's scores",
        log_y=True,
        reading="The scale on which the discriminator judges. One that grows without end comes "
        "with divergence.",
    ),
    Chart(
        title="Gradient norms",
        names={
            "signals.gradient_norm_discriminator": "discriminator",
            "signals.gradient_norm_generator": "generator",
        },
        y_label="norm of the gradient",
        log_y=True,
        reading="The size of each player's steps. A sudden jump or a slide towards zero comes "
        "before most failures.",
    ),
    Chart(
        title="Coverage",
        names={"signals.coverage": "real images with a sample near"},
        y_label="share of real images",
        y_range=(0.0, 1.0),
        reading="How much of the real data has a generated neighbour. A fall means that the "
        "generator is dropping kinds of images.",
    ),
    Chart(
        title="Repetition",
        names={"signals.duplicates": "pairs of samples nearly alike"},
        y_label="share of pairs",
        reading="How often two samples are the same picture. A rise is the first sign of "
        "mode collapse.",
    ),
    Chart(
        title="Nearest training image",
        names={"signals.nearest": "sample to its nearest"},
        y_label="distance, unseen real images = 1",
        y_range=(0.0, 1.0),
        reading="How far a sample is from the most similar training image. Well below 1 the "
        "generator copies; well above, samples do not look like the data.",
    ),
    Chart(
        title="Speed",
        names={"images_per_second": "images a second"},
        y_label="images per second",
        y_range=(0.0, 0.0),
        reading="Training images a second, measured between ticks.",
    ),
)


# What says how sure another figure is.
_BESIDE = ("signals.held_out_gap_error", "signals.held_out_low_chance")

BY_CLASS = "fooling_rate_of_"
"""How the figures of one class begin; a table has them, for curves they would be too many."""


def charts(facts: RunFacts) -> list[str]:
    """Returns one `<figure>` for each chart of which the run recorded anything.

    Scores come first, then losses, then the rows of `CHARTS`, then any other signal by its own
    name: what a task records shows without being listed here.
    """
    recorded = record(facts.ticks)
    scored = record(facts.snapshots)
    listed = {name for chart in CHARTS for name in chart.names}
    others = [
        Chart(title=_title(name), names={name: _label(name)}, y_label="value", reading="")
        for name in recorded
        if name.startswith("signals.")
        and name not in listed
        and name not in _BESIDE
        and not name.startswith(f"signals.{BY_CLASS}")
    ]
    marks = event_marks(facts)
    figures = [
        _figure(chart, {**recorded, **scored}, marks, _floor_of(chart, facts.scores))
        for chart in [*_score_charts(scored), *_loss_charts(recorded, listed), *CHARTS, *others]
    ]
    return [figure for figure in figures if figure]


def record(events: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    """Returns every series that `events` hold, under "losses.NAME", "signals.NAME", "scores.NAME"
    and "images_per_second".

    Values that are not numbers are left out (null: not measured); NaN and infinities, which JSON
    holds by name, stay to be shown.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        for name, value in _values(event):
            y = number(value)
            if y is not None:
                points.setdefault(name, []).append((float(event["images"]), y))
    return {
        name: Series(label=name, x=tuple(x for x, _ in pairs), y=tuple(y for _, y in pairs))
        for name, pairs in points.items()
    }


def event_marks(facts: RunFacts) -> list[Mark]:
    """Returns a mark for every resume, every act of the guard and wherever a divergence began."""
    marks = []
    for event in facts.of("resume", "guard"):
        kind = event["event"]
        text = "resumed" if kind == "resume" else f"guard: {event.get('action', 'acted')}"
        at = images_text(event["images"])
        marks.append(Mark(x=float(event["images"]), kind=kind, text=f"{text} at {at}"))
    for span in _divergences(facts):
        at = images_text(span.first)
        marks.append(Mark(x=float(span.first), kind="alarm", text=f"divergence from {at}"))
    return marks


def _divergences(facts: RunFacts) -> list[Span]:
    return [span for span in alarm_spans(facts.ticks) if span.alarm.name == "divergence"]


def marks_key(facts: RunFacts) -> str:
    """Returns what the vertical lines in the charts mean, as HTML; "" when there are none."""
    kinds = {event["event"] for event in facts.of("resume", "guard")}
    kinds |= {"alarm"} if _divergences(facts) else set()
    words = {
        "resume": "the run was resumed",
        "guard": "the guard acted",
        "alarm": "a divergence began",
    }
    items = "".join(
        f'<li><i class="flag {kind}"></i>{text}</li>'
        for kind, text in words.items()
        if kind in kinds
    )
    return f'<ul class="legend">{items}</ul>' if items else ""


def _values(event: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for group in ("losses", "signals", "scores"):
        members = event.get(group)
        if isinstance(members, Mapping):
            found += [(f"{group}.{name}", value) for name, value in members.items()]
    if "images_per_second" in event:
        found.append(("images_per_second", event["images_per_second"]))
    return found


def _loss_charts(recorded: Mapping[str, Series], listed: set[str]) -> list[Chart]:
    losses: list[str] = []
    for name, one in recorded.items():
        # Without penalties, a player's loss and its adversarial part are one curve.
        twin = any(recorded[other].y == one.y for other in losses)
        if name.startswith("losses.") and name not in listed and not twin:
            losses.append(name)
    penalties = [name for name in losses if any(word in name.lower() for word in PENALTY_WORDS)]
    players = [name for name in losses if name not in penalties]
    made = []
    for names, title, log_y, reading in (
        (
            players,
            "Losses",
            False,
            "In a duel neither loss need fall: level and steady is health. One running away "
            "while the other sinks is one player winning.",
        ),
        (
            penalties,
            "Penalties",
            True,
            "What keeps the discriminator smooth. Large at first, then level.",
        ),
    ):
        # No chart holds more curves than there are colours to tell them apart.
        for first in range(0, len(names), COLOURS):
            part = names[first : first + COLOURS]
            made.append(
                Chart(
                    title=title,
                    names={name: _label(name) for name in part},
                    y_label="loss",
                    log_y=log_y,
                    reading=reading,
                )
            )
    return made


def _score_charts(scored: Mapping[str, Series]) -> list[Chart]:
    made = []
    for name in scored:
        label = name.removeprefix("scores.")
        distance = is_distance(label)
        made.append(
            Chart(
                title=label,
                names={name: label},
                y_label="distance to real images" if distance else "score",
                log_y=distance,
                reading="How far samples are from real images as a set; lower is better."
                if distance
                else "",
            )
        )
    return made


def is_distance(name: str) -> bool:
    """Whether a score is a distance between sets of images, so that lower is better."""
    return name.upper().startswith(("FD", "KID", "FID"))


def _floor_of(chart: Chart, scores: Mapping[str, Any]) -> float | None:
    floor = scores.get("floor")
    if not isinstance(floor, Mapping):
        return None
    for name in chart.names:
        if name.startswith("scores."):
            return finite(floor.get(name.removeprefix("scores.")))
    return None


def _figure(
    chart: Chart, recorded: Mapping[str, Series], marks: list[Mark], floor: float | None
) -> str:
    series = [
        Series(label=label, x=one.x, y=tuple(y * chart.factor for y in one.y))
        for name, label in chart.names.items()
        if (one := recorded.get(name)) is not None
    ]
    drawing = line_chart(
        series,
        title=chart.title,
        y_label=chart.y_label,
        log_y=chart.log_y,
        y_range=chart.y_range,
        floor=floor,
        marks=marks,
    )
    if not drawing:
        return ""
    floor_text = "" if floor is None else f"real against real {compact(floor)}"
    reading = f"<p>{escape(chart.reading)}</p>" if chart.reading else ""
    return (
        f'<figure class="curve"><figcaption><h3>{escape(chart.title)}</h3>'
        f"{legend(series, floor_text)}</figcaption>{drawing}{reading}</figure>"
    )


def _label(name: str) -> str:
    plain = name.split(".", 1)[-1].replace("_", " ")
    return plain.upper() if plain in ("r1", "r2") else plain


def _title(name: str) -> str:
    label = _label(name)
    return label[:1].upper() + label[1:]
