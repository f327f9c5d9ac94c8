"""Search for plugins: say how a thing becomes a document, and when one has changed."""

from core.resources.searchable import Document, Searchable, register_searchable, touch

__all__ = ["Document", "Searchable", "register_searchable", "touch"]
