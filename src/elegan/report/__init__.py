"""What a person reads about a run: the HTML page and the model card."""

from elegan.report.card import model_card
from elegan.report.html import write_report

__all__ = ["model_card", "write_report"]
