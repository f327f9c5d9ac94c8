"""Sort keys of Chinese names and titles: both databases page alike because they compare plain ASCII."""

import unicodedata


def sort_key(text: str, limit: int = 200) -> str:
    """Pinyin with tone digits, lower case, words parted by a blank; other characters as NFKC. At most `limit` characters."""
    from pypinyin import Style, lazy_pinyin  # its dictionaries take most of a second to load

    folded = unicodedata.normalize("NFKC", text).casefold()
    parts = lazy_pinyin(folded, style=Style.TONE3, neutral_tone_with_five=True)
    return " ".join(part.strip() for part in parts if part.strip())[:limit]
