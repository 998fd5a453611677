"""What the report says beside its figures."""

from types import SimpleNamespace

from elegan.applications.synthetic.protocol import BOTH, POOL, SEMI, ClassCounts, Results
from elegan.applications.synthetic.report import _simpler


def _with_pool(pool: int, discriminator: int) -> SimpleNamespace:
    def outcome(right: int) -> dict[str, ClassCounts]:
        return {"fold": ClassCounts(right=(right,), total=(100,))}

    results = Results(ClassCounts.recall)
    results.counts[0, BOTH, 0.25, 0] = outcome(90)
    results.counts[0, POOL, 0.25, 0] = outcome(pool)
    verdict = SimpleNamespace(share=0.25)
    results.counts[0, SEMI, 0.0, 0] = outcome(discriminator)
    return SimpleNamespace(results=results, verdict=verdict, on="fold")


def test_what_does_as_well_without_generated_images_is_named() -> None:
    assert _simpler(_with_pool(pool=80, discriminator=89)) == []
    (said,) = _simpler(_with_pool(pool=80, discriminator=97))
    assert "discriminator" in said
    assert "97.0 %, with generated images it is 90.0 %" in said
    assert len(_simpler(_with_pool(pool=90, discriminator=90))) == 2
