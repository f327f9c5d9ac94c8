"""Formatted text made harmless: when it is saved and again when it is shown."""

import nh3

TAGS = {"p", "br", "b", "strong", "i", "em", "ul", "ol", "li", "a"}

#: Stored links name a page or document by id; shown ones have an address.
STORED = {"a": {"href", "linktype", "id"}}
SHOWN = {"a": {"href"}}
SCHEMES = {"http", "https", "mailto", "tel"}
DROPPED_WHOLE = {
    "script",
    "style",
    "template",
    "noscript",
    "iframe",
    "object",
    "svg",
    "math",
    "title",
    "textarea",
}


def clean_rich_text(html: str) -> str:
    """What may be stored: the elements that the editor offers, and nothing that runs."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=STORED,
        url_schemes=SCHEMES,
        clean_content_tags=DROPPED_WHOLE,
        link_rel=None,
        strip_comments=True,
    )


def clean_shown(html: str) -> str:
    """What may be sent to a browser: links have an address and open nothing of ours to strangers."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=SHOWN,
        url_schemes=SCHEMES,
        clean_content_tags=DROPPED_WHOLE,
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
