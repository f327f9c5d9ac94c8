"""The compiled catalogues of the admin's words: current, readable by gettext, no place of a text lost."""

import gettext
from io import BytesIO

import pytest

from scripts import catalogue

SOURCE = '# note\nmsgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Save"\nmsgstr "保存"\n'


def test_the_committed_files_are_current() -> None:
    assert catalogue.stale() == []


def test_what_is_compiled_is_read_by_gettext() -> None:
    plural = '\nmsgid "%(n)s page"\nmsgid_plural "%(n)s pages"\nmsgstr[0] "%(n)s 页"\n'
    header = SOURCE.replace("UTF-8\\n", "UTF-8\\nPlural-Forms: nplurals=1; plural=0;\\n")
    found = gettext.GNUTranslations(BytesIO(catalogue.compile_text(header + plural)))  # type: ignore[arg-type]
    assert found.gettext("Save") == "保存" and found.gettext("Other") == "Other"
    assert found.ngettext("%(n)s page", "%(n)s pages", 5) == "%(n)s 页"


@pytest.mark.parametrize(
    "wrong",
    [
        'msgid "a"\nmsgstr ""\n',
        'msgid "a"\nmsgstr "%(b)s"\n',
        'msgid "a"\nmsgstr "甲"\n\nmsgid "a"\nmsgstr "乙"\n',
        'msgid "a\nmsgstr "甲"\n',
    ],
    ids=["empty", "foreign-place", "twice", "broken"],
)
def test_a_wrong_source_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        catalogue.compile_text(SOURCE + "\n" + wrong)
