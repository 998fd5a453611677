"""Which generated images pass: wrong classes, bad ones, copies and repetitions do not."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny_labels

from elegan.applications.synthetic.filtering import REASONS, CopyCheck, draw_filtered


class Drawing:
    """A model in the place of a trained one: class 0 is dark, but each third image is light."""

    has_discriminator = False

    def __init__(self, copied: np.ndarray | None = None) -> None:
        self.copied = copied

    def generate(self, count: int, *, seed: int, label: int) -> SimpleNamespace:
        pixels, _ = tiny_labels.images(count, seed=seed % 2**32)
        images = 255 - pixels[1::2] if label == 0 else pixels[1::2]
        images[::3] = 255 - images[::3]
        if self.copied is not None:
            images[1] = self.copied
        images[4] = images[2]
        return SimpleNamespace(images=images)


def _classify(images: np.ndarray) -> np.ndarray:
    """Sure of light images by their corner, which no disc reaches."""
    light = images[:, 0, 0, 0] / 255
    return np.stack([1 - light, light], axis=1)


def test_images_of_another_class_copies_and_repetitions_are_dropped() -> None:
    given = tiny_labels.given(20)
    copied = given.images[0]
    made = draw_filtered(
        Drawing(copied), given, _classify, [5, 0], band=(0.5, 1.0), reject=0.0, seed=0
    )
    assert made.labels.tolist() == [0] * 5
    assert (made.images[:, 0, 0, 0] < 128).all()
    assert not any((one == copied).all() for one in made.images)
    assert len({one.tobytes() for one in made.images}) == 5
    facts = made.to_dict(given.classes)["dark"]
    assert facts["kept"] == 5
    assert facts["class"] == pytest.approx(facts["drawn"] / 3, abs=1)
    assert facts["copy"] >= 1
    assert facts["twice"] >= 1
    assert 0 < made.copy_rate < 1


@pytest.mark.parametrize("repeated", [10, 60])
def test_repeats_among_the_given_images_hide_no_copy(repeated: int) -> None:
    images, _ = tiny_labels.images(60, seed=1)
    others, _ = tiny_labels.images(20, seed=2)
    check = CopyCheck(np.concatenate([images, images[:repeated]]))
    nearly = images[40:50].copy()
    nearly[:, 0, 0] ^= 1
    assert check(images[40:50]).all()
    assert check(nearly).all() or repeated == 60  # without two different images none can tell
    assert not check(others).any()


def test_the_band_has_two_ends() -> None:
    given = tiny_labels.given(20)
    sure = draw_filtered(Drawing(), given, _classify, [3, 0], band=(0.0, 0.1), reject=0.0, seed=0)
    assert (sure.images[:, 0, 0, 0] >= 0.9 * 255).all()


def test_the_least_liked_of_each_class_are_dropped() -> None:
    model = Drawing()
    model.has_discriminator = True
    model.judged = lambda images, labels: images[:, 0, 0, 0].astype(np.float32)
    given = tiny_labels.given(20)
    made = draw_filtered(model, given, _classify, [40, 0], band=(0.5, 1.0), reject=0.5, seed=0)
    passed = made.drawn[0] - made.dropped[REASONS.index("class"), 0]
    assert made.dropped[REASONS.index("discriminator"), 0] == pytest.approx(passed / 2, rel=0.1)


def test_a_shortage_ends() -> None:
    given = tiny_labels.given(20)
    never = lambda images: np.full((len(images), 2), 0.4)  # noqa: E731
    made = draw_filtered(Drawing(), given, never, [3, 3], band=(0.5, 1.0), reject=0.1, seed=0)
    assert len(made.images) == 0
    assert made.copy_rate == 0


def test_copies_are_told_without_a_judge_that_knows_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(name: str) -> None:
        raise AssertionError(f"the judge {name} was asked")

    monkeypatch.setattr("elegan.metrics.extractors.load_network", never)
    given = tiny_labels.given(20)
    check = CopyCheck(given.images)
    assert check(given.images).all()
    assert check(tiny_labels.images(20, seed=8)[0]).mean() < 0.2
