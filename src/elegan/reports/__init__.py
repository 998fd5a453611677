"""What a person reads about a run: the HTML page and the model card."""

from elegan.reports.run_report import write_report

__all__ = ["write_report"]
