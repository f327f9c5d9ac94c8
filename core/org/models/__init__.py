"""Models of the organisation."""

from core.org.models.base import HospitalModel, HospitalRequired
from core.org.models.people import Enrolment, Person, Post, User
from core.org.models.tree import CalendarDay, Campus, Department, Hospital, PartyOrg

__all__ = [
    "CalendarDay",
    "Campus",
    "Department",
    "Enrolment",
    "Hospital",
    "HospitalModel",
    "HospitalRequired",
    "PartyOrg",
    "Person",
    "Post",
    "User",
]
