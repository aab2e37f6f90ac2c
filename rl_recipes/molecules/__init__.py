"""Aligning a generator of molecules with wishes in words."""
