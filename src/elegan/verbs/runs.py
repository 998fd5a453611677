"""Verbs on runs: begin, continue, judge, report."""

import elegan
from elegan.settings import TrainSettings
from elegan.verbs.answer import Answer


def train(settings: TrainSettings, *, dry_run: bool = False) -> Answer:
    """Train a model; the same command again resumes where it stopped."""
    from elegan.applications import runs

    if dry_run:
        from elegan.metrics.capacity import describe_capacity
        from elegan.training.console import duration

        plan = runs.plan(settings)
        seen, images = plan["resumes_at"], plan["images"]
        verb = f"resume at {seen:,} of" if seen is not None else "train for"
        goal = f"Would {verb} {images:,} images, about {duration(plan['seconds'])} -> {plan['out']}"
        if seen is not None and seen >= images:
            goal = f"The run in {plan['out']} is complete: {images:,} images"
        return Answer(
            f"{goal}\n{settings.preset} on {plan['data']['name']}: {plan['data_summary']}"
            f"\n{plan['precision']}; {plan['pace']}\n{describe_capacity(plan['capacity'])}"
            "\nNothing was written.",
            plan,
        )
    return _trained(runs.train(settings))


def resume(run: str) -> Answer:
    """Continue a run from its newest checkpoint.

    Args:
        run: the run folder.
    """
    return _trained(elegan.resume(run))


def _trained(run: "elegan.Run") -> Answer:
    last = run.events[-1] if run.events else {}
    return Answer(
        f"{run.path}",
        {
            "run": str(run.path),
            "images": last.get("images"),
            "seconds": last.get("seconds"),
            "report": str(run.report),
            "scores": run.scores,
        },
    )


def health(run: str) -> Answer:
    """Say how a run stands and what its alarms were, with causes and remedies, in plain words.

    Args:
        run: the run folder, finished or not.
    """
    from elegan.training.monitor import alarm_spans, describe_course

    events = elegan.Run(run).events
    ticks = [event for event in events if event["event"] == "tick"]
    guards = [event for event in events if event["event"] == "guard"]
    if not ticks:
        return Answer(f"{run}: no tick yet; nothing has been measured.", {"run": run, "ticks": 0})
    last = ticks[-1]
    lines = [f"{run} at {last['images']:,} images: {last['health']}"]
    lines.append(describe_course(ticks, guards))
    numbers = {k: v for k, v in last["signals"].items() if isinstance(v, int | float)}
    lines += [f"  {name:<32}{value:.3f}" for name, value in numbers.items()]
    facts = {"run": run, "ticks": len(ticks), "guard_events": len(guards), **last}
    facts["course"] = [span.facts() for span in alarm_spans(ticks)]
    return Answer("\n".join(lines), facts)


def report(run: str) -> Answer:
    """Write report.html of a run anew.

    Args:
        run: the run folder, finished or not.
    """
    path = elegan.write_report(run)
    return Answer(f"{path}", {"report": str(path)})
