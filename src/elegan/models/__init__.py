"""The trained artefact: loading, saving, generating."""

from elegan.models.model import Model, Samples, find_model, latent_noise, save_model

__all__ = ["Model", "Samples", "find_model", "latent_noise", "save_model"]
