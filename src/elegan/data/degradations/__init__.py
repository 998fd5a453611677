"""Seeded damage on clean photos, for training what undoes it: resizing, kinds, families."""

from elegan.data.degradations.resizing import (
    crop_to_multiple,
    downscale,
    resize_bicubic,
    upscale,
)

__all__ = ["crop_to_multiple", "downscale", "resize_bicubic", "upscale"]
