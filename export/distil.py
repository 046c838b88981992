"""What a teacher taught is exported as any other network for super-resolution."""

from export.super_resolution import EXPORTER

__all__ = ["EXPORTER"]
