"""Pixels: derivatives made of images, and measures taken of them. Knows bytes and recipes, and no folder."""
