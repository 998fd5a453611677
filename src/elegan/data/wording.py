"""An inspection in words, for a terminal."""

from collections.abc import Mapping
from typing import Any

_FILES_SHOWN = 40
_BAR = 24


def describe(report: Mapping[str, Any]) -> str:
    """Returns the lines that `elegan inspect` prints of a report of `inspection.inspect`."""
    files = report["files"]
    lines = [
        f"{report['name']}: {report['images']:,} usable images,"
        f" {report['resolution']}x{report['resolution']}x{report['channels']}"
        f"  (files: {files['used']:,} used, {files['converted']:,} converted,"
        f" {files['skipped']:,} skipped)"
    ]
    lines += _verdicts(report["verdicts"])
    if report["sizes"]:
        sizes = ", ".join(f"{size} ({count:,})" for size, count in report["sizes"].items())
        lines.append(f"sizes: {sizes}")
    lines += _balance(report["classes"])
    lines += _duplicates(report["duplicates"])
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"advice: {sentence}" for sentence in report["advice"]]
    if report["contact_sheet"]:
        lines.append(f"contact sheet: {report['contact_sheet']}")
    return "\n".join(lines)


def _verdicts(verdicts: list[Mapping[str, str]]) -> list[str]:
    # What was skipped matters most, what was used as it is least.
    order = {"skipped": 0, "converted": 1, "used": 2}
    ranked = sorted(verdicts, key=lambda verdict: order[verdict["action"]])
    shown = ranked[:_FILES_SHOWN]
    width = min(48, max((len(verdict["file"]) for verdict in shown), default=0))
    lines = [
        f"  {verdict['action']:<9}  {verdict['file']:<{width}}  {verdict['reason']}"
        for verdict in shown
    ]
    if len(ranked) > len(shown):
        lines.append(f"  ... and {len(ranked) - len(shown):,} more; --json lists every file")
    return lines


def _balance(classes: Mapping[str, int]) -> list[str]:
    if not classes:
        return []
    most = max(classes.values())
    width = min(24, max(len(name) for name in classes))
    return [f"{len(classes)} classes:"] + [
        f"  {name:<{width}}  {count:>8,}  {'#' * round(_BAR * count / max(1, most))}"
        for name, count in classes.items()
    ]


def _duplicates(found: Mapping[str, Any]) -> list[str]:
    lines = [f"duplicates: {found['exact']:,} exact, {found['near']:,} near"]
    for kind in ("exact", "near"):
        lines += [f"  {kind}: {', '.join(group[:6])}" for group in found[f"{kind}_groups"][:5]]
    if found.get("test_images_in_train"):
        lines.append(f"  {found['test_images_in_train']:,} test images are in the training set")
    return lines
