"""Exports for plugins: make the rows, the platform does the rest (purpose, approval, watermark, one download).

A list that a plugin declares needs nothing but `export=True`; this is for files that are no list.
"""

from core.resources.export_asks import ask
from core.resources.exporters import Exporter, Offer, Sheet, register_exporter

__all__ = ["Exporter", "Offer", "Sheet", "ask", "register_exporter"]
