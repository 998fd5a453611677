"""The trained artefact: loading, saving, generating."""

from elegan.models.model import Model, latent_noise
from elegan.models.samples import Samples
from elegan.models.saving import find_model, save_model, save_translation

__all__ = ["Model", "Samples", "find_model", "latent_noise", "save_model", "save_translation"]
