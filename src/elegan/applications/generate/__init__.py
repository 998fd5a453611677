"""Noise in, images out."""
