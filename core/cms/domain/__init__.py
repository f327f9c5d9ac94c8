"""What is done with pages: sites, review, publishing, what readers are given."""

from core.cms.domain.sites import ensure_site, hospital_of

__all__ = ["ensure_site", "hospital_of"]
