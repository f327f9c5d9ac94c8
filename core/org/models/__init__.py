"""Models of the organisation."""

from core.org.models.base import HospitalModel, HospitalRequired
from core.org.models.people import Person, Post, User
from core.org.models.tree import CalendarDay, Campus, Department, Hospital, PartyOrg

__all__ = [
    "CalendarDay",
    "Campus",
    "Department",
    "Hospital",
    "HospitalModel",
    "HospitalRequired",
    "PartyOrg",
    "Person",
    "Post",
    "User",
]
