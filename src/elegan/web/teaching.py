"""The game of both players, step by step."""

from typing import Any

from fastapi import APIRouter


def router(studio: Any) -> APIRouter:
    """The routes of the game."""
    return APIRouter(prefix="/api/teach")
