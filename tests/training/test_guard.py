from elegan.training.guard import Guard


def test_it_escalates_from_skip_over_rollback_to_stop() -> None:
    guard = Guard(skips_allowed=2, rollbacks_allowed=2)
    actions = [guard.judge(False) for _ in range(9)]
    assert actions == ["skip", "skip", "rollback"] * 2 + ["skip", "skip", "stop"]
    assert guard.rate_scale == 0.25


def test_a_good_step_ends_a_row_of_skips() -> None:
    guard = Guard(skips_allowed=2)
    assert [guard.judge(one) for one in (False, False, True, False, False)] == [
        "skip",
        "skip",
        "go",
        "skip",
        "skip",
    ]
    assert guard.rate_scale == 1


def test_its_state_survives_a_checkpoint() -> None:
    guard = Guard(skips_allowed=1, rollbacks_allowed=5)
    for _ in range(3):
        guard.judge(False)
    other = Guard(skips_allowed=1, rollbacks_allowed=5)
    other.restore(guard.to_dict())
    assert other == guard
    assert other.judge(False) == "rollback"
