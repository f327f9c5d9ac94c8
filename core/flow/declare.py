"""What a flow is: states, transitions, forms, deadlines. Declared as YAML, validated when read."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class BadFlow(ValueError):
    """A flow file that cannot be used; names the file and the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class State(_Strict):
    """A state: `waiting` waits for the department in charge, `closed` ends the item."""

    code: str
    label: str
    kind: Literal["open", "waiting", "closed"] = "open"


class Deadline(_Strict):
    """Working days from the transition until the state it leads to is due, and why.

    Either the figure with its basis, or `rule`: the code of a rule (core.regulations) whose `working_days` hold in the
    hospital on the day, with its basis and whether the hospital has confirmed it.
    """

    working_days: int | None = Field(default=None, ge=0, le=400)
    basis: str = ""
    rule: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Deadline":
        if bool(self.rule) == (self.working_days is not None) or bool(self.rule) == bool(self.basis):
            raise ValueError("a deadline names a rule, or working days with their basis")
        return self


class FormField(_Strict):
    """One field of a transition's form."""

    key: str
    label: str
    type: Literal["text", "textarea", "choice", "file", "department", "date"] = "text"
    required: bool = False
    help: str = ""
    choices: dict[str, str] = {}
    max_length: int | None = None


class Transition(_Strict):
    """A named step between states. The policy table says who may take it (action = verb)."""

    verb: str
    label: str
    done: str  # how the step reads in the record: "已请科室说明"
    sources: list[str]
    target: str
    style: Literal["primary", "plain", "quiet"] = "plain"
    help: str = ""
    fields: list[FormField] = []
    deadline: Deadline | None = None


class Flow(_Strict):
    """A whole flow."""

    key: str
    label: str
    initial: str
    opened: str  # how the opening reads in the record
    states: list[State]
    transitions: list[Transition]

    @model_validator(mode="after")
    def _joined(self) -> "Flow":
        codes = {state.code for state in self.states}
        verbs = [transition.verb for transition in self.transitions]
        named = {
            self.initial,
            *(t.target for t in self.transitions),
            *(s for t in self.transitions for s in t.sources),
        }
        if named - codes:
            raise ValueError(f"unknown states {sorted(named - codes)}")
        if len(set(verbs)) != len(verbs):
            raise ValueError("a verb is declared twice")
        if not any(state.kind == "closed" for state in self.states):
            raise ValueError("no closed state")
        return self

    def state(self, code: str) -> State:
        """The state of that code."""
        return next(state for state in self.states if state.code == code)

    def transition(self, verb: str) -> Transition | None:
        """The transition of that verb, or None."""
        return next((t for t in self.transitions if t.verb == verb), None)

    def body(self) -> dict[str, Any]:
        """The canonical JSON form."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """SHA-256 of the canonical form: the flow's version."""
        text = json.dumps(self.body(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


_flows: dict[str, Flow] = {}


def load_flow(path: Path) -> Flow:
    """Read and register one flow file. Raises BadFlow."""
    try:
        flow = Flow.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise BadFlow(f"{path.name}: {error}") from error
    _flows[flow.key] = flow
    return flow


def flow(key: str) -> Flow:
    """The flow now in force under this key. Raises KeyError."""
    return _flows[key]
