"""Everything a run can be told, and the table of presets.

Settings are resolved before the disk is touched: preset row -> settings file -> single overrides.
The resolved form is written to `settings.json` in the run folder and is a valid input again.
"""

from elegan.settings.checks import validate
from elegan.settings.groups import (
    AugmentSettings,
    CharacterSettings,
    EmaSettings,
    LossSettings,
    MixingSettings,
    NetworkSettings,
    OptimizerSettings,
    TrainSettings,
    TransferSettings,
    TranslateSettings,
)
from elegan.settings.presets import PRESETS, Preset, preset_for
from elegan.settings.reading import from_json, override, parse_count, preset_settings

__all__ = [
    "PRESETS",
    "AugmentSettings",
    "CharacterSettings",
    "EmaSettings",
    "LossSettings",
    "MixingSettings",
    "NetworkSettings",
    "OptimizerSettings",
    "Preset",
    "TrainSettings",
    "TransferSettings",
    "TranslateSettings",
    "from_json",
    "override",
    "parse_count",
    "preset_for",
    "preset_settings",
    "validate",
]
