"""The whole verb, small: what it may see, how it goes on, what it leaves."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_labels

import elegan
from elegan import api
from elegan.applications import runs
from elegan.applications.synthetic import labelled_set as given
from elegan.applications.synthetic import protocol
from elegan.applications.synthetic.augmented import wanted
from elegan.applications.synthetic.folder import JOURNAL
from elegan.cli import main
from elegan.common.errors import UsageError
from elegan.data import open_data
from elegan.data.duplicates import overlap
from elegan.options import Augment

GAN = {
    "batch": 8,
    "ticks": 1,
    "snapshots": 1,
    "precision": "float32",
    "network": {"width": 8, "latent": 8},
}
FEW = {"per_class": 4, "images": 16, "draws": 2, "seeds": 1, "steps": 6, "band": (0.0, 1.0)}
KILLED_AT = 4


class Watched:
    """What the parts of the verb were given, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trained: list[str] = []
        self.opened: list[tuple[str, str, int]] = []
        self.classifiers = 0
        self.kill_at: int | None = None
        train, opening, teach = runs.train, given.open_data, protocol.train_classifier

        def watched_train(settings):
            self.trained.append(settings.data)
            return train(settings)

        def watched_open(data, **options):
            self.opened.append((data, options.get("split", "train"), len(self.trained)))
            return opening(data, **options)

        def watched_teach(*arguments, **options):
            if self.kill_at == self.classifiers:
                raise KeyboardInterrupt
            self.classifiers += 1
            return teach(*arguments, **options)

        monkeypatch.setattr(runs, "train", watched_train)
        monkeypatch.setattr(given, "open_data", watched_open)
        monkeypatch.setattr(protocol, "train_classifier", watched_teach)


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@pytest.fixture(scope="module")
def done(patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An augmentation that was interrupted among its classifiers, and then went on."""
    folder = tmp_path_factory.mktemp("augment")
    data = tiny_labels.write(folder / "data.npz", count=6, test=10)
    first, second = Watched(patch), None
    first.kill_at = KILLED_AT
    with pytest.raises(KeyboardInterrupt):
        elegan.augment(data, out=folder / "out", gan=GAN, **FEW)
    kept = (folder / "out" / JOURNAL).read_text().splitlines()
    patch.undo()
    second = Watched(patch)
    found = elegan.augment(data, out=folder / "out", gan=GAN, **FEW)
    patch.undo()
    return SimpleNamespace(
        data=data, out=folder / "out", found=found, first=first, second=second, kept=kept
    )


def test_no_generator_sees_what_is_judged(done: SimpleNamespace) -> None:
    """Each is trained on its folds alone, the last on what is given; none on the test split."""
    everything, _ = tiny_labels.images(6)
    test, _ = tiny_labels.images(10, seed=1)
    seen = [np.asarray(open_data(path).images) for path in done.first.trained]
    assert [len(one) for one in seen] == [6, 6, 12]
    assert [overlap(one, everything) for one in seen] == [6, 6, 12]
    assert overlap(seen[0], seen[1]) == 0  # so each is what the other is judged on
    assert [overlap(one, test) for one in seen] == [0, 0, 0]


def test_test_images_are_opened_after_all_that_learns_and_filters(done: SimpleNamespace) -> None:
    splits = [(split, trained) for _, split, trained in done.first.opened]
    assert splits == [("train", 0), ("test", 3)]
    assert {data for data, _, _ in done.first.opened} == {done.data}


@pytest.mark.slow
def test_the_images_are_the_same_whatever_the_test_split_holds(
    done: SimpleNamespace, tmp_path: Path
) -> None:
    """Poisoned test images change no generator and no choice: only what is said of them."""
    pixels, labels = tiny_labels.images(6)
    poison = np.random.default_rng(0).integers(0, 255, (20, 16, 16, 1), np.uint8)
    data = tmp_path / "data.npz"
    np.savez(data, images=pixels, labels=labels, test_images=poison, test_labels=np.arange(20) % 2)
    found = elegan.augment(data, out=tmp_path / "out", gan=GAN, **FEW)
    for name in ("draw-1", "draw-2", "all"):
        facts = [
            json.loads((out / "work" / name / "made.json").read_text())
            for out in (done.out, tmp_path / "out")
        ]
        assert facts[0] == facts[1]
    assert found.verdict["share"] == done.found.verdict["share"]
    assert found.report["arms"] != done.found.report["arms"]


def test_what_was_measured_before_the_interruption_is_not_repeated(done: SimpleNamespace) -> None:
    shares = 4
    each = 3 + shares + 1  # real, classical, half, the curve; then real + GAN at the share
    assert len(done.kept) == KILLED_AT
    assert done.first.classifiers == KILLED_AT
    assert done.second.classifiers == 2 * each - KILLED_AT
    assert len((done.out / JOURNAL).read_text().splitlines()) == 2 * each


def test_a_finished_one_does_nothing_again(
    done: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    again = elegan.augment(done.data, out=done.out, gan=GAN, **FEW)
    assert again.report == done.found.report
    assert (watched.trained, watched.classifiers) == ([], 0)


def test_the_folder_is_data_with_the_images_that_passed(done: SimpleNamespace) -> None:
    opened = open_data(str(done.out))
    kept = [one["kept"] for one in done.found.report["generated"]["classes"].values()]
    assert list(opened.class_counts().values()) == kept == [4, 4]
    assert (opened.resolution, opened.channels) == (16, 1)
    stored = np.load(done.out / "work" / "all" / "made.npz")
    assert overlap(np.asarray(opened.images), stored["images"]) == 8


def test_the_report_has_every_arm_and_names_the_protocol(done: SimpleNamespace) -> None:
    report = json.loads((done.out / "report.json").read_text())
    assert report == done.found.report
    assert report["metric"] == {"words": "accuracy", "on": "test split"}
    assert [row["share"] for row in report["curve"]] == [0, 0.1, 0.25, 0.5, 1]
    arms = {row["arm"] for row in report["arms"]}
    assert arms == {"half the labels", "real", "real + classical", "real + GAN", protocol.BOTH}
    for row in report["arms"]:
        assert len(row["draws"]) == 2
        assert row["score"]["mean"] == pytest.approx(np.mean(row["draws"]))
    assert "2 folds of 12 given labels" in report["protocol"]
    assert report["verdict"]["use"] is False
    page = done.found.page.read_text()
    assert report["verdict"]["sentence"] in page
    assert page.count("data:image/png;base64,") == 4  # two classes, given and generated
    assert "http" not in page.replace("http://www.w3.org", "")
    assert report["verdict"]["sentence"] in done.found.text()


def test_other_options_in_the_same_folder_are_refused(done: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="steps: 6 there, 7 asked"):
        elegan.augment(done.data, out=done.out, gan=GAN, **{**FEW, "steps": 7})


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(UsageError, match="Did you mean 'per_class'"):
        elegan.augment("x", out="y", per_clas=3)


def test_balance_fills_small_classes_only() -> None:
    some = tiny_labels.given(6)
    small = some.take(np.flatnonzero((some.labels == 0) | (np.arange(12) < 4)))
    assert small.counts.tolist() == [6, 2]
    assert wanted(Augment(data="x", balance=True), small) == [0, 4]
    assert wanted(Augment(data="x", balance=True, per_class=9), small) == [3, 7]
    assert wanted(Augment(data="x", per_class=9), small) == [9, 9]
    with pytest.raises(UsageError, match="nothing to fill"):
        wanted(Augment(data="x", balance=True), some)


def test_augment_from_the_shell(
    monkeypatch: pytest.MonkeyPatch, done: SimpleNamespace, capsys
) -> None:
    given = []

    def noted(asked):
        given.append(asked)
        return done.found

    monkeypatch.setitem(api.RUN, Augment, noted)
    words = ["augment", "birds", "--per-class", "5", "--images", "10k", "--band", "0.2", "0.9"]
    assert main([*words, "--balance", "-o", "more", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["verdict"] == done.found.verdict
    (asked,) = given
    assert (asked.data, asked.per_class, asked.images) == ("birds", 5, 10_000)
    assert (asked.band, asked.balance, asked.out) == ((0.2, 0.9), True, "more")


@pytest.mark.slow
def test_a_pool_gives_two_rows_to_compare_with(tmp_path: Path) -> None:
    data = tiny_labels.write(tmp_path / "data.npz", count=6)
    np.save(tmp_path / "pool.npy", tiny_labels.images(30, seed=7)[0])
    few = {**FEW, "images": 400}
    found = elegan.augment(
        data, out=tmp_path / "out", gan=GAN, unlabelled=str(tmp_path / "pool.npy"), **few
    )
    report = found.report
    assert report["metric"]["on"] == "fold"
    assert report["data"]["pool"] == 60
    assert 0 < report["generated"]["pool_used"] <= 60
    arms = [row["arm"] for row in report["arms"]]
    assert protocol.POOL in arms
    assert protocol.SEMI in arms
    for name in ("draw-1", "draw-2"):
        seen = np.load(tmp_path / "out" / "work" / name / "pool.npz")
        assert np.bincount(seen["labels"]).tolist() == [3, 3, 60]


@pytest.mark.slow
def test_balance_is_judged_by_recall_and_reports_small_classes(tmp_path: Path) -> None:
    pixels, labels = tiny_labels.images(12)
    rows = np.flatnonzero((labels == 0) | (np.arange(24) < 8))
    data = tmp_path / "uneven.npz"
    np.savez(data, images=pixels[rows], labels=labels[rows])
    few = {**FEW, "per_class": None, "balance": True}
    report = elegan.augment(data, out=tmp_path / "out", gan=GAN, **few).report
    assert report["metric"]["words"] == "mean recall of classes"
    assert report["generated"]["wanted"] == {"0": 0, "1": 8}
    assert report["minority"]["classes"] == ["1"]
    assert "draws all classes equally often" in report["protocol"]


@pytest.mark.slow
def test_classes_that_nothing_was_made_of_are_named(done: SimpleNamespace, tmp_path: Path) -> None:
    """An image whose class is sure beyond all doubt does not exist: nothing passes."""
    asked = {**FEW, "band": (0.999999, 1.0), "draws": 2, "steps": 1}
    found = elegan.augment(done.data, out=tmp_path / "out", gan=GAN, **asked)
    notes = "\n".join(found.report["notes"])
    assert "Draw 1: no image passed the filter of 0, 1, so there real ones stand" in notes
    assert "Too few images passed the filter: 0 (0 of 4), 1 (0 of 4)." in notes
    assert not found.use
    assert "Do not use them" in found.page.read_text()
