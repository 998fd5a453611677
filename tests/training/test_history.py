"""The course of a run: spans of alarms and what is said of them."""

from elegan.training.monitor import alarm_spans, describe_course, read_alarms


def alarm(name: str, text: str = "Why.", remedy: str = "Type --size 2.") -> dict[str, str]:
    return {"name": name, "text": text, "remedy": remedy}


def course(*alarms: list) -> list[dict]:
    return [
        {"event": "tick", "images": 100 * place, "alarms": found}
        for place, found in enumerate(alarms, 1)
    ]


def test_spans_join_what_flickers_and_part_what_came_back() -> None:
    a, b = alarm("a"), alarm("b")
    spans = alarm_spans(course([a], [a, b], [], [a], [], [], [], [a]))
    found = [(one.alarm.name, one.first, one.last, one.ticks, one.stands) for one in spans]
    assert found == [("a", 100, 400, 3, False), ("b", 200, 200, 1, False), ("a", 800, 800, 1, True)]


def test_the_last_wording_is_kept() -> None:
    (span,) = alarm_spans(course([alarm("a", "30 %.")], [alarm("a", "40 %.")]))
    assert span.alarm.text == "40 %."
    assert span.to_dict() == {
        "name": "a",
        "text": "40 %.",
        "remedy": "Type --size 2.",
        "first": 100,
        "last": 200,
        "ticks": 2,
        "stands": True,
    }


def test_sentences_of_old_runs_are_alarms_too() -> None:
    (span,) = alarm_spans(course(["30% are alike"], ["42% are alike"]))
    assert (span.alarm.text, span.ticks) == ("42% are alike", 2)
    for odd in (None, "text", 3, [None], [{"text": 5}]):
        read_alarms({"alarms": odd})


def test_what_stands_comes_first_with_its_remedy() -> None:
    ticks = course([alarm("old", "It was."), alarm("few", "Few.")], [], [], [], [alarm("few")])
    guards = [{"action": "skip", "reason": "a gradient"}, {"action": "rollback", "reason": "more"}]
    text = describe_course(ticks, guards).splitlines()
    assert text[0] == "alarm few (since 500 images, at 1 of 5 ticks): Why."
    assert text[1] == "  what to do: Type --size 2."
    assert text[2:4] == [
        "over: few (from 100 images): Few.",
        "over: old (from 100 images): It was.",
    ]
    assert text[-1] == "guard: steps skipped: 1, returns to a checkpoint: 1; the last time: more"
    assert describe_course(course([], []), []) == "no alarm was raised at any of 2 ticks"
