"""The version, a calendar one per teaching term."""

__version__ = "2026.11.0"
