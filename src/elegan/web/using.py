"""Models in use."""

from typing import Any

from fastapi import APIRouter


def router(studio: Any) -> APIRouter:
    """The routes of models."""
    return APIRouter(prefix="/api")
