"""The model card: what the run folder says, nothing else."""

import json
import re
from pathlib import Path

from elegan.reports import write_report


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def card_of(run: Path) -> str:
    write_report(run)
    return (run / "model" / "README.md").read_text(encoding="utf-8")


def test_the_card_holds_data_recipe_scores_and_limits(run: Path) -> None:
    card = card_of(run)
    assert card.startswith("# first digits\n")
    heads = re.findall(r"^## (.*)$", card, flags=re.MULTILINE)
    assert heads == ["Data", "Recipe", "Scores", "Limits", "Use"]
    assert "| FD-digits | 3.21 | 0.031 | lower is better;" in card
    assert "| optimizer.rate | 0.0002 |" in card
    assert "| images seen | 1,200,000 |" in card
    assert "cannot be compared with the FID" in card


def test_every_table_row_has_as_many_cells_as_its_head(run: Path) -> None:
    edit(run / "settings.json", data="a|b\nc", note="x | y")
    for block in card_of(run).split("\n\n"):
        if block.startswith("|"):
            cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(cells) == 1


def test_markup_in_names_stays_text(run: Path) -> None:
    edit(run / "settings.json", data="<script>[x](y)`*_")
    card = card_of(run).partition("## Use")[0]
    assert "<script>" not in card
    assert r"\[x\]" in card


def test_limits_follow_from_the_facts(run: Path) -> None:
    assert "may be near copies" not in card_of(run)
    assert "not finished" not in card_of(run)
    edit(run / "data.json", images=90)
    lines = (run / "events.jsonl").read_text().splitlines()
    (run / "events.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    shares = dict.fromkeys("23456789", 0.1)
    edit(run / "scores.json", class_frequencies={"0": 0.19, "1": 0.01, **shares})
    card = card_of(run)
    assert "only 90 images" in card
    assert "not finished" in card
    assert "0 (19.0 % of its samples, 10.0 % of the data), 1 (1.0 %" in card
    assert "2 (10.0 %" not in card
    (run / "scores.json").unlink()
    assert "None were measured." in card_of(run)


def test_a_card_comes_from_a_bare_folder(run: Path) -> None:
    for name in ("settings.json", "environment.json", "data.json", "scores.json"):
        (run / name).unlink()
    card = card_of(run)
    assert "unknown data" in card
    assert "No record of the data was kept." in card


def test_the_card_of_a_translator_holds_the_rows_of_its_scores(run: Path) -> None:
    rows = [
        {"on": "bicubic, x2", "row": name, "psnr_y": value}
        for name, value in (("input", 30.1), ("model", 32.4))
    ]
    (run / "scores.json").write_text(json.dumps({"rows": rows, "protocol": "16 photos."}))
    card = card_of(run)
    assert "| On | Row | PSNR of Y, dB |" in card
    assert "| bicubic, x2 | model | 32.4 |" in card
    assert "16 photos." in card
    assert "not measured" not in card


def test_without_a_model_there_is_no_card(run: Path) -> None:
    (run / "model" / "model.json").unlink()
    write_report(run)
    assert not (run / "model" / "README.md").exists()
