"""Resources for plugins: declare a spec, give it a source, and the site shows it."""

from core.resources import gateway
from core.resources.line_source import LineSource, Pinned
from core.resources.model_source import ModelSource
from core.resources.registry import nested, register
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row

__all__ = [
    "Action",
    "Command",
    "Done",
    "Field",
    "Filter",
    "Form",
    "FormField",
    "LineSource",
    "ModelSource",
    "Pinned",
    "ResourceSpec",
    "Row",
    "gateway",
    "nested",
    "register",
]
