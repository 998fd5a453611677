"""The command line: exit codes, one JSON object, messages that say what to type next."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
from PIL import Image

from elegan import api
from elegan.cli import main
from elegan.options import VERBS
from elegan.results import Answer

TINY = ["--preset", "article", "--network.width", "8", "--network.latent", "8"]
TINY += ["--batch", "8", "--ticks", "4", "--snapshots", "2", "--precision", "float32"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.arrays(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "run")
    assert main(["train", data, "--out", folder, "--images", "64", *TINY]) == 0
    return folder


def _ask(capsys, *words: str) -> tuple[int, str, str]:
    """Returns exit code, stdout, stderr."""
    capsys.readouterr()
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def _facts(capsys, *words: str) -> dict:
    code, out, _ = _ask(capsys, *words, "--json")
    assert code == 0
    assert out.count("\n") == 1
    return json.loads(out)


def test_train_and_its_answer_as_json(data: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    facts = _facts(capsys, "train", data, "--out", str(out), "--images", "16", *TINY)
    assert facts["run"] == str(out)
    assert facts["images"] == 16
    assert Path(facts["report"]).exists()
    assert facts["scores"]["images_seen"] == 16


def test_the_same_command_says_that_the_run_is_complete(data: str, run: str, capsys) -> None:
    code, _, said = _ask(capsys, "train", data, "--out", run, "--images", "64", *TINY)
    assert code == 0
    assert "is complete: 64 images" in said
    assert _ask(capsys, "resume", run)[0] == 0


def test_other_settings_in_the_same_folder(data: str, run: str, capsys) -> None:
    code, _, said = _ask(capsys, "train", data, "--out", run, *TINY, "--seed", "3")
    assert code == 2
    assert "seed: 0 there, 3 asked" in said
    assert "--out" in said


def test_settings_of_a_run_are_an_input(run: str, tmp_path: Path, capsys) -> None:
    file, out = f"{run}/settings.json", str(tmp_path / "again")
    facts = _facts(capsys, "train", "--settings", file, "--out", out)
    assert facts["images"] == 64
    assert tiny.model_sha256(tmp_path / "again") == tiny.model_sha256(Path(run))
    dry = _facts(capsys, "train", "--settings", file, "--epochs", "3", "--dry-run")
    assert dry["images"] == 3 * 36  # four of the 40 are held out
    code, _, said = _ask(capsys, "train", "--settings", file, "--preset", "article")
    assert (code, "not both" in said) == (2, True)


def test_dry_run_writes_nothing(data: str, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    facts = _facts(capsys, "train", data, "--dry-run", "--images", "2k", *TINY)
    assert facts["images"] == 2000
    assert facts["capacity"]["generator"]["parameters"] > 0
    assert facts["out"] == "runs/tiny-article"
    assert list(tmp_path.iterdir()) == []


def test_dry_run_says_goal_time_folder_and_whether_it_resumes(
    data: str, run: str, tmp_path: Path, capsys
) -> None:
    def said(*words: str) -> str:
        return _ask(capsys, "train", data, *TINY, "--dry-run", *words)[1].splitlines()[0]

    new = str(tmp_path / "new")
    assert re.fullmatch(
        rf"Would train for 2,000 images, about \d+ s -> {new}", said("--images", "2k", "--out", new)
    )
    assert said("--images", "64", "--out", run) == f"The run in {run} is complete: 64 images"
    more = said("--images", "2k", "--out", run)
    assert re.fullmatch(rf"Would resume at 64 of 2,000 images, about \d+ s -> {run}", more)
    timed = said("--minutes", "0.1", "--out", run)
    assert re.fullmatch(rf"Would resume at 64 of [\d,]+ images, about \d+ s -> {run}", timed)


def test_generate_in_every_form(run: str, tmp_path: Path, capsys) -> None:
    facts = _facts(capsys, "generate", run, "-n", "5", "--out", str(tmp_path / "s.npz"))
    assert facts["images"] == 5
    assert facts["model_sha256"] == tiny.model_sha256(Path(run))
    assert (tmp_path / "s.npz").exists()
    assert _ask(capsys, "generate", run, "--n", "4", "--out", str(tmp_path / "s.png"))[0] == 0
    assert _ask(capsys, "generate", f"{run}/model", "-n", "4", "--out", str(tmp_path / "f"))[0] == 0
    assert len(list((tmp_path / "f").glob("*.png"))) == 4
    code, _, said = _ask(capsys, "generate", run, "--label", "3", "--out", str(tmp_path / "x.png"))
    assert (code, "--conditional" in said) == (2, True)


def test_the_other_verbs_answer(run: str, data: str, tmp_path: Path, capsys) -> None:
    walk = str(tmp_path / "w.gif")
    assert _facts(capsys, "interpolate", run, "--n", "2", "--out", walk)["frames"] == 24
    scores = _facts(capsys, "evaluate", run, data, "--n", "40")
    assert scores["model_sha256"] == tiny.model_sha256(Path(run))
    assert "floor" in scores
    health = _facts(capsys, "health", run)
    assert (health["ticks"], health["images"]) == (4, 64)
    assert Path(_facts(capsys, "report", run)["report"]).exists()
    found = _facts(capsys, "inspect", data, "--out", str(tmp_path / "sheet.png"))
    assert found["images"] == 40
    assert _facts(capsys, "doctor")["ok"] is True


@pytest.mark.parametrize(
    "what",
    [
        *("presets", "data", "tasks", "networks", "losses", "metrics"),
        *("augmentations", "degradations"),
    ],
)
def test_list(what: str, capsys) -> None:
    rows = _facts(capsys, "list", what)[what]
    assert len(rows) > 0
    assert all(rows.values())
    code, out, _ = _ask(capsys, "list", what)
    assert code == 0
    assert all(name in out for name in rows)


def test_json_leaves_text_to_stderr(run: str, capsys) -> None:
    _, out, said = _ask(capsys, "health", run, "--json")
    assert out.startswith("{")
    assert "images" in said
    _, out, said = _ask(capsys, "health", run)
    assert "images" in out
    assert said == ""


@pytest.mark.parametrize(
    ("words", "code"), [(["trian", "mnist"], 2), (["generate", "nothing"], 1), (["train"], 2)]
)
def test_a_failure_as_json_is_one_object(words: list[str], code: int, capsys) -> None:
    found, out, said = _ask(capsys, *words, "--json")
    assert found == code
    assert out.count("\n") == 1
    facts = json.loads(out)
    assert facts["exit_code"] == code
    assert facts["error"] in said or "stderr" in facts["error"]


def test_json_has_no_nan(capsys, monkeypatch) -> None:
    values = {"a": float("nan"), "b": [float("inf")], "名": "字"}
    monkeypatch.setitem(api.RUN, VERBS["doctor"], lambda asked: Answer(values, "text"))
    assert _facts(capsys, "doctor") == {"a": "NaN", "b": ["Infinity"], "名": "字"}


# --- wrong usage and failures ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["trian", "mnist"], 2, "Did you mean 'train'?"),
        (["train", "DATA", "--preset", "robst"], 2, "Did you mean 'robust'?"),
        (["train", "DATA", "--network.name", "dcgna"], 2, "Did you mean 'dcgan'?"),
        (["train", "DATA", "--loss.adversarial", "hing"], 2, "Did you mean 'hinge'?"),
        (["train", "DATA", "--task", "generat"], 2, "Did you mean 'generate'?"),
        (["train", "DATA", "--images", "many"], 2, "5000, 200k or 2M"),
        (["train", "DATA", "--images"], 2, "--images needs a value"),
        (["train", "DATA", "--images", "8", "--minutes", "1"], 2, "one stop rule"),
        (["train", "DATA", "--batch", "1"], 2, "--batch must be at least 2"),
        (["train", "DATA", "--conditional"], 1, "one subfolder a class"),
        (["train", "minst"], 2, "Did you mean 'mnist'?"),
        (["train", "EMPTY"], 1, "EMPTY"),
        (["train", "ONE"], 1, "at least"),
        (["train", "--settings", "none.json"], 2, "no settings file"),
        (["resume", "nothing"], 1, "elegan train"),
        (["generate", "nothing"], 1, "There is nothing at nothing"),
        (["generate", "EMPTY"], 1, "holds no model"),
        (["evaluate", "EMPTY", "DATA"], 1, "holds no model"),
        (["health", "EMPTY"], 1, "is no run"),
        (["report", "EMPTY"], 1, "is no run"),
        (["inspect", "nowhere"], 2, "nowhere"),
        (["list", "preset"], 2, "Did you mean 'presets'?"),
    ],
)
def test_what_goes_wrong_is_said_in_one_message(
    words: list[str], code: int, expected: str, data: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELEGAN_OFFLINE", "1")
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "ONE").mkdir()
    Image.new("L", (20, 20)).save(tmp_path / "ONE" / "one.png")
    words = [data if word == "DATA" else word for word in words]
    found, out, said = _ask(capsys, *words)
    assert (found, out) == (code, "")
    assert said.startswith("elegan: ")
    assert expected in said
    assert "Traceback" not in said
    assert sorted(one.name for one in tmp_path.iterdir()) == ["EMPTY", "ONE"]


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["train", "DATA", "--bach", "8"], "--batch"),
        (["train", "DATA", "--fit", "squash"], "crop"),
        (["generate", "RUN", "--sede", "1"], "--seed"),
        (["train"], "DATA"),
    ],
)
def test_mistyped_flags(words: list[str], nearest: str, data: str, run: str, capsys) -> None:
    words = [{"DATA": data, "RUN": run}.get(word, word) for word in words]
    code, out, said = _ask(capsys, *words)
    assert code == 2
    assert out == ""
    assert nearest.lower() in said.lower()
    assert "Traceback" not in said


def test_a_traceback_is_shown_when_asked_for_and_the_code_stays(capsys) -> None:
    code, out, said = _ask(capsys, "list", "preset", "--traceback")
    assert (code, out) == (2, "")
    assert "Traceback" in said
    assert "Did you mean 'presets'?" in said


def test_what_nobody_foresaw_is_one_line_too(capsys, monkeypatch) -> None:
    def broken(asked) -> None:
        raise RuntimeError("boom")

    monkeypatch.setitem(api.RUN, VERBS["doctor"], broken)
    code, _, said = _ask(capsys, "doctor")
    assert code == 1
    assert "unexpected RuntimeError: boom" in said
    assert "--traceback" in said
    assert "Traceback" not in said
    assert "Traceback" in _ask(capsys, "doctor", "--traceback")[2]


def test_a_place_that_cannot_be_written(data: str, run: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("precious")
    for place in (str(tmp_path / "file" / "run"), str(tmp_path / "file"), "/proc/elegan-run"):
        code, _, said = _ask(capsys, "train", data, "--out", place, "--images", "8", *TINY)
        assert code == 1, place
        assert "--out" in said
    for name in ("s.png", "s.npz", "samples"):
        code, _, said = _ask(capsys, "generate", run, "--out", str(tmp_path / "file" / name))
        assert code == 1
        assert str(tmp_path / "file") in said
    assert (tmp_path / "file").read_text() == "precious"


def test_a_folder_with_other_files_is_not_touched(data: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "real.png").write_text("mine")
    (tmp_path / "holiday.jpg").write_text("mine too")
    code, _, said = _ask(capsys, "train", data, "--out", str(tmp_path), "--images", "8", *TINY)
    assert code == 2
    assert "holiday.jpg" in said
    assert (tmp_path / "real.png").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_fills_up_while_training(data: str, tmp_path: Path, capsys) -> None:
    """The system refuses files above a size, as a full disk does; afterwards the run goes on."""
    resource = pytest.importorskip("resource")
    words = ["train", data, "--out", str(tmp_path / "run"), "--images", "64", *TINY]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    from elegan.training import checkpoints

    real, saved = checkpoints.save, []

    def save(*arguments, **options):
        saved.append(1)
        if len(saved) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        return real(*arguments, **options)

    checkpoints.save = save
    try:
        code, _, said = _ask(capsys, *words)
    finally:
        checkpoints.save = real
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    assert "Cannot write the checkpoint" in said
    assert "run the same command again" in said
    assert len(tiny.newest_checkpoint(tmp_path / "run")) > 0
    assert _ask(capsys, *words)[0] == 0
    assert tiny.model_sha256(tmp_path / "run")


def test_no_words_and_help(capsys) -> None:
    for words in ([], ["--help"], ["help"]):
        code, out, _ = _ask(capsys, *words)
        assert code == 0
        assert all(f"  {verb} " in out for verb in VERBS)
    assert _ask(capsys, "--version")[1].startswith("elegan ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_its_flags(verb: str, capsys) -> None:
    code, out, _ = _ask(capsys, verb, "--help")
    assert code == 0
    assert f"elegan {verb}" in out


# --- in a process of its own -------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
import elegan
from elegan import api
from elegan.cli import main
main(["--help"])
main(["list", "presets"])
try:
    main(["train", "--help"])
except SystemExit:
    pass
heavy = {"torch", "numpy", "PIL", "torchmetrics", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m elegan train --help | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_says_how_to_go_on_and_sets_the_code(
    number: signal.Signals, data: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["train", data, "--out", str(out), "--images", "1M", *TINY, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "elegan", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    patience = time.monotonic() + 60
    while not (out / "model" / "model.json").exists():
        assert process.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(process.pid, number)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"elegan resume {out}" in json.loads(printed)["error"]
    assert f"elegan resume {out}" in said.decode()
    assert b"Traceback" not in said
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "stop"
    assert events[-1]["images"] > 0


# --- what a newcomer types ----------------------------------------------------------------------


def test_short_flags_and_usual_names_are_understood(data: str, tmp_path: Path, capsys) -> None:
    words = ["train", data, "--dry-run", "-o", str(tmp_path / "run"), "--images", "2k"]
    asked = _facts(capsys, *words, *TINY, "--batch-size", "4", "--lr", "3e-4")
    assert asked["out"] == str(tmp_path / "run")
    settings = asked["settings"]
    assert settings["batch"] == 4
    rates = settings["optimizer"]
    assert (rates["generator_rate"], rates["discriminator_rate"]) == (3e-4, 3e-4)


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_a_screen(verb: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = _ask(capsys, verb, "--help")[1].splitlines()
    assert len(lines) <= 42
    assert max(map(len, lines)) <= 80


def test_all_settings_are_explained_where_all_are_asked_for(capsys) -> None:
    short, whole = (_ask(capsys, "train", flag)[1] for flag in ("--help", "--help-all"))
    assert "--loss.r1" not in short
    assert "--loss.r1" in whole
    assert "zero-centred gradient penalty on real images" in " ".join(whole.split())


def test_what_stands_by_its_place_has_a_name(capsys) -> None:
    assert "MODEL" in _ask(capsys, "generate")[2]
    assert "DATA" in _ask(capsys, "train")[2]
    assert "[DATA]" in _ask(capsys, "prune", "--help")[1]


def test_bash_completes_verbs_and_flags() -> None:
    script = subprocess.run(
        [sys.executable, "-m", "elegan", "--completion"], capture_output=True, text=True, check=True
    ).stdout
    ask = 'COMP_WORDS=({words}); COMP_CWORD={place}; _elegan; printf "%s " "${{COMPREPLY[@]}}"'
    for words, place, expected in (
        ("elegan upsc", 1, "upscale "),
        ("elegan upscale --stren", 2, "--strength "),
        ("elegan train --loss.adv", 2, "--loss.adversarial "),
    ):
        asked = script + "\n" + ask.format(words=words, place=place)
        found = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
        assert found.stdout == expected
