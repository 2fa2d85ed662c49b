"""The pytest plugin ``sscard``."""
