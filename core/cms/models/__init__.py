"""Models of pages: what editors write (pages, pictures, documents) and what readers are given (published rows)."""

from core.cms.models.media import CmsDocument, CmsImage, CmsRendition
from core.cms.models.pages import (
    ArticlePage,
    BasePage,
    BrandPage,
    ColumnPage,
    HospitalRoot,
    LearningPage,
    RankingPage,
)
from core.cms.models.preview import PreviewText
from core.cms.models.published import MediaUse, PublishedPage
from core.cms.models.review import HospitalGroup, SecondPersonTask

__all__ = [
    "ArticlePage",
    "BasePage",
    "BrandPage",
    "CmsDocument",
    "CmsImage",
    "CmsRendition",
    "ColumnPage",
    "HospitalGroup",
    "HospitalRoot",
    "LearningPage",
    "MediaUse",
    "PreviewText",
    "PublishedPage",
    "RankingPage",
    "SecondPersonTask",
]
