"""All that a plugin may import: façades over the rooms of the core.

Names are grouped by room: this module holds what every plugin needs; `flow`, `jobs`, `lake` and `resources`
hold the rest. Whatever is missing here is missing in the contract: the contract grows for all.
"""

from core.audit.events import read_event, record, viewers
from core.kernel import clock
from core.kernel.context import Actor, acting, current_actor, current_hospital, hospital_scope
from core.kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Problem, Refused
from core.kernel.ids import new_uid
from core.org.models import Department, Hospital, HospitalModel, Person, Post
from core.plugin_host.dispatch import impl
from core.policy.activation import is_enabled
from core.policy.decide import can, ibis_filter, max_class, may, q
from core.policy.principal import Principal
from core.policy.types import TypePolicy, register_type

__all__ = [
    "Actor",
    "Conflict",
    "Department",
    "FieldError",
    "Forbidden",
    "Hospital",
    "HospitalModel",
    "Invalid",
    "NotFound",
    "Person",
    "Post",
    "Principal",
    "Problem",
    "Refused",
    "TypePolicy",
    "acting",
    "can",
    "clock",
    "current_actor",
    "current_hospital",
    "hospital_scope",
    "ibis_filter",
    "impl",
    "is_enabled",
    "max_class",
    "may",
    "new_uid",
    "q",
    "read_event",
    "record",
    "register_type",
    "viewers",
]
