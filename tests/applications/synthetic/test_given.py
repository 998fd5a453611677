"""What is given, what is in the pool, what is judged: never one and the same image."""

from pathlib import Path

import numpy as np
import pytest
import tiny_labels

from elegan.api import checked
from elegan.applications.synthetic.augmented import check
from elegan.applications.synthetic.labelled_set import (
    folds,
    open_given,
    open_pool,
    open_test,
    write_arrays,
)
from elegan.common.errors import EleganError, UsageError
from elegan.data import has_test_split, open_data
from elegan.data.duplicates import overlap
from elegan.options import Augment


def test_folds_share_no_image_and_spread_each_class() -> None:
    labels = np.array([0] * 11 + [1] * 6 + [2] * 2)
    found = folds(labels, 4, seed=0)
    assert sorted(np.concatenate(found).tolist()) == list(range(19))
    counts = np.array([np.bincount(labels[rows], minlength=3) for rows in found])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    # Of each class something is left to train on, whichever fold is judged.
    assert (counts < np.bincount(labels)).all()
    assert [one.tolist() for one in folds(labels, 4, seed=0)] == [one.tolist() for one in found]


def test_an_image_that_occurs_twice_is_given_once(tmp_path: Path) -> None:
    pixels, labels = tiny_labels.images(4)
    path = tmp_path / "twice.npz"
    np.savez(path, images=np.concatenate([pixels, pixels[:3]]), labels=[*labels, *labels[:3]])
    found, notes = open_given(Augment(data=str(path), per_class=1))
    assert len(found) == 8
    assert overlap(found.images, pixels) == 8
    assert any("3 images occur twice" in note for note in notes)


def test_data_that_cannot_serve_are_refused(tmp_path: Path) -> None:
    pixels, _ = tiny_labels.images(3)
    np.savez(tmp_path / "plain.npz", images=pixels)
    np.savez(tmp_path / "single.npz", images=pixels[:4], labels=[0, 0, 0, 1])
    for name, said in (("plain", "no labels"), ("single", "at least 2 different images")):
        with pytest.raises(EleganError, match=said):
            open_given(Augment(data=str(tmp_path / f"{name}.npz"), per_class=1))


def test_the_pool_holds_no_given_image_and_the_test_split_neither(tmp_path: Path) -> None:
    pixels, labels = tiny_labels.images(5)
    fresh, other = tiny_labels.images(5, seed=3)[0], tiny_labels.images(4, seed=4)
    tests = np.concatenate([other[0], pixels[:2], fresh[:3]])
    test_labels = np.concatenate([other[1], labels[:2], labels[:3]])
    data = tmp_path / "data.npz"
    np.savez(data, images=pixels, labels=labels, test_images=tests, test_labels=test_labels)
    np.save(tmp_path / "pool.npy", np.concatenate([pixels[:4], fresh]))
    options = Augment(data=str(data), per_class=1, unlabelled=str(tmp_path / "pool.npy"))
    given, _ = open_given(options)
    pool = open_pool(options, given)
    assert len(pool) == len(fresh)
    assert overlap(pool, given.images) == 0
    judged = open_test(options, given, pool)
    assert len(judged) == len(other[0])
    assert overlap(judged.images, np.concatenate([given.images, pool])) == 0
    np.save(tmp_path / "same.npy", pixels)
    with pytest.raises(UsageError, match="no image beside"):
        open_pool(Augment(data=str(data), unlabelled=str(tmp_path / "same.npy")), given)


def test_labels_of_the_test_split_are_matched_by_name(tmp_path: Path) -> None:
    pixels, labels = tiny_labels.images(4)
    tests, _ = tiny_labels.images(3, seed=5)
    names = np.array(["dark", "light"])
    path = tmp_path / "named.npz"
    np.savez(
        path,
        images=pixels,
        labels=names[labels],
        test_images=tests,
        test_labels=np.array(["light"] * 4 + ["other", "light"]),
    )
    options = Augment(data=str(path), per_class=1)
    given, _ = open_given(options)
    judged = open_test(options, given, None)
    assert judged.labels.tolist() == [given.classes.index("light")] * 5


def test_what_a_generator_may_see_has_no_test_split(tmp_path: Path) -> None:
    given = tiny_labels.given()
    path = write_arrays(tmp_path / "work" / "seen.npz", [given.images], [given.labels])
    assert not has_test_split(path)
    opened = open_data(path)
    assert opened.classes == ("0", "1")
    assert overlap(np.asarray(opened.images), given.images) == len(given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--per-class"),
        ({"per_class": 0}, "at least 1"),
        ({"per_class": 5, "draws": 1}, "at least 2"),
        ({"per_class": 5, "share": 0.0}, "above 0"),
        ({"per_class": 5, "band": (0.9, 0.2)}, "rising"),
        ({"per_class": 5, "reject": 1.0}, "below 1"),
        ({"per_class": 5, "kinds": "luck"}, "Unknown augmentation"),
    ],
)
def test_impossible_options_are_refused(options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(checked(Augment, data="x", **options))
