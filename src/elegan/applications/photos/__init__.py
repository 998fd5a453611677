"""Upscaling and restoring, and how models from images to images are put to photos."""
