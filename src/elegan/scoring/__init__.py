"""Scores of a model against real data, whatever it makes: samples, or images from images."""

from elegan.scoring.evaluation import evaluate_model, evaluate_run, format_any, headline
from elegan.scoring.generated import SAMPLES

__all__ = ["SAMPLES", "evaluate_model", "evaluate_run", "format_any", "headline"]
