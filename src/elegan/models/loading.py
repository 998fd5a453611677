"""Any model of a folder, by what its model.json says it is for."""

from pathlib import Path

from elegan.errors import UsageError
from elegan.models.character_saving import TASK as CHARACTERS
from elegan.models.characters import CharacterModel
from elegan.models.model import Model
from elegan.models.saving import UNREADABLE, find_model, read_facts, unreadable
from elegan.models.translation import TranslationModel
from elegan.models.use import TRANSLATING


def load_model(
    path: Path | str, *, device: str = "auto", precision: str = "auto"
) -> Model | TranslationModel | CharacterModel:
    """Loads a run folder, a model folder or a file within either.

    Raises:
        EleganError: nothing there is a model, or its weights do not match their SHA-256.
    """
    folder = find_model(Path(path))
    try:
        task = read_facts(folder).get("task")
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    if task == CHARACTERS:
        return CharacterModel.load(path)
    if str(task).startswith(CHARACTERS):
        raise UsageError(
            f"{folder} holds one stage of characters. Name the run of all three, as `elegan train"
            " DATA --task characters --out RUN` writes it."
        )
    if task in TRANSLATING:
        return TranslationModel.load(path, device=device, precision=precision)
    return Model.load(path, device=device, precision=precision)
