"""What a person reads about a run: the HTML page and the model card."""

from elegan.report.html import write_report

__all__ = ["write_report"]
