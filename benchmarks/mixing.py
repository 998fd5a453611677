"""Mixed distributions: what generated images in the real stream cost, and what replay does.

    python benchmarks/mixing.py
    python benchmarks/mixing.py --data mnist-5k --images 6000 --weaker 3000 --samples 5000

A share of the images that the discriminator is shown as real comes from a weaker generator, the
preset robust after half as many images. Apart from that, runs replay images that the generator drew
in the past. The preset robust, equal images for all.
"""

from pathlib import Path
from typing import Any

from figures import publish, table
from runs import Trained, parser, short, train, trained_with

from elegan.reports.curves import Series, line_chart

IMAGES, WEAKER = 60_000, 30_000
SHARES = (0.0, 0.25, 0.5, 0.75)
REPLAYS = (0.5,)
SCORES = ("FD-digits", "precision", "coverage")
LEAN = ("--ticks", "10", "--snapshots", "1")  # the scores at the end are what is compared
TITLE = "FD-digits against the share of generated images"
# What the chart's classes mean, for a picture that stands alone.
STYLE = """
.chart { background: #fff; font: 12px system-ui, sans-serif; }
.chart text { fill: #5a6372; }
.grid { stroke: #e9ecf0; } .zero, .axis, .stub { stroke: #dde1e7; }
.line { fill: none; stroke-width: 1.8; stroke: #0b6e99; } .dot { fill: #0b6e99; }
.floor { stroke: #14181f; stroke-dasharray: 5 4; }
"""


def measure(run: Trained, data: str, samples: int, **facts: Any) -> dict[str, Any]:
    """Returns what the table and the figure's file say of a run."""
    scores = run.scored(data, samples)
    kept = {name: scores[name] for name in SCORES}
    floor = {name: scores["floor"][name] for name in SCORES}
    counts = scores["counts"]
    return {**facts, **kept, "floor": floor, "counts": counts, "trained": run.facts}


def draw_curve(rows: list[dict[str, Any]], weaker: dict[str, Any], path: Path) -> None:
    """Writes the effect of the share on FD-digits as a picture; the dashes are the weaker model."""
    curve = Series(
        label="FD-digits",
        x=tuple(100 * row["share"] for row in rows),
        y=tuple(row["FD-digits"] for row in rows),
    )
    chart = line_chart(
        [curve],
        title=TITLE,
        x_label="% of the real stream that is generated",
        y_label="FD-digits; dashed: the generator that they come from",
        floor=weaker["FD-digits"],
    )
    head, body = chart.split(">", 1)
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" width="640"')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}><style>{STYLE}</style>{body}\n", encoding="utf-8")


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--data", default="mnist", help="known name of what all train on")
    flags.add_argument("--weaker", type=int, default=WEAKER, help="images the weaker model sees")
    options = flags.parse_args()
    data, prefix = options.data, f"mixing-{options.data}"
    weaker = train(options.runs, f"{prefix}-0", data, options.weaker, LEAN)
    trained, shares, replays = [weaker], [], []
    for share in SHARES:
        words = ("--mixing.generated", str(share), "--mixing.model", str(weaker.path))
        flags = (*words, *LEAN) if share else LEAN
        run = train(options.runs, f"{prefix}-{share:g}", data, options.images, flags)
        trained.append(run)
        shares.append(measure(run, data, options.samples, share=share))
    for replay in REPLAYS:
        words = ("--mixing.replay", str(replay), *LEAN)
        run = train(options.runs, f"{prefix}-replay-{replay:g}", data, options.images, words)
        trained.append(run)
        replays.append(measure(run, data, options.samples, replay=replay))
    source = measure(weaker, data, options.samples)
    draw_curve(shares, source, options.out / "mixing.svg")
    text = describe(shares, replays, source, trained, data)
    facts = {"shares": shares, "replays": replays, "weaker": source}
    publish("mixing", text, facts, options.out)


def describe(
    shares: list[dict[str, Any]],
    replays: list[dict[str, Any]],
    weaker: dict[str, Any],
    trained: list[Trained],
    data: str,
) -> str:
    """Returns the table and what it was taken with."""
    named = [(f"{row['share']:.0%} of the real stream generated", row) for row in shares]
    named += [(f"replay with weight {row['replay']:g}", row) for row in replays]
    named += [
        ("the weaker generator itself", weaker),
        ("real images in their place", weaker["floor"]),
    ]
    lines = [[label, *(short(row[name]) for name in SCORES)] for label, row in named]
    return (
        f"![{TITLE}](figures/mixing.svg)\n\n"
        f"{table(['run', *SCORES], lines)}\n\nPreset robust, {data},"
        f" {trained[1].images:,} images each, the weaker generator {trained[0].images:,}, seed 0;"
        f" {weaker['counts']['generated']:,} samples against {weaker['counts']['reference']:,}"
        f" images. {trained_with(trained)}"
    )


if __name__ == "__main__":
    main()
