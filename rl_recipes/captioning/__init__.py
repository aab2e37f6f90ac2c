"""Aligning an image captioner."""
