"""Rewards as training frameworks take them, one file a framework."""
