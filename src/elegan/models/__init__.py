"""The trained artefact: loading, saving, generating."""

from elegan.models.model import Model, latent_noise
from elegan.models.samples import Samples
from elegan.models.saving import find_model, save_model, save_translation
from elegan.models.translation import TranslationModel

__all__ = [
    "Model",
    "Samples",
    "TranslationModel",
    "find_model",
    "latent_noise",
    "save_model",
    "save_translation",
]
