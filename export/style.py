"""Style transfer is exported as any other image-to-image network."""

from export.translation import EXPORTER

__all__ = ["EXPORTER"]
