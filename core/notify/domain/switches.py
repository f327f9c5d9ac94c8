"""Which channel is on for whom: the kind's own default, the hospital's switch, the person's, and what nobody switches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from core.kernel.errors import FieldError, Invalid
from core.notify.domain.people import chunks
from core.notify.kinds import CHANNEL_LABELS, NoticeKind, all_kinds, kind_of
from core.notify.models import Channel, HospitalSettings, PersonSettings
from core.org.models import Hospital
from core.policy.activation import enabled_plugins

Kinds = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class Switches:
    """The hospital's row and those of some persons, read together."""

    hospital: HospitalSettings
    persons: Mapping[int, PersonSettings] = field(default_factory=dict)

    def hospital_on(self, kind: NoticeKind, channel: str) -> bool:
        """Whether the hospital lets this kind go there."""
        return channel in kind.channels and _on(kind, channel, self.hospital.kinds)

    def on(self, kind: NoticeKind, person: int, channel: str) -> bool:
        """Whether it goes there for this person; what the hospital switched off stays off."""
        if not self.hospital_on(kind, channel):
            return False
        own = self.persons.get(person)
        if channel in kind.locked or own is None:
            return True
        return bool(own.kinds.get(kind.key, {}).get(channel, True))


def read(hospital: Hospital, people: Iterable[int]) -> Switches:
    """Switches of the hospital and of these persons; one query and one per 500 persons. Within the hospital's scope."""
    found: dict[int, PersonSettings] = {}
    for part in chunks(list(people)):
        found |= {row.person_id: row for row in PersonSettings.objects.filter(person_id__in=part)}
    return Switches(of_hospital(hospital), found)


def of_hospital(hospital: Hospital) -> HospitalSettings:
    """The hospital's row; unsaved defaults where there is none yet."""
    return HospitalSettings.objects.filter(hospital_id=hospital.id).first() or HospitalSettings(
        hospital=hospital
    )


def outside(hospital: Hospital, asked: Switches) -> list[str]:
    """Channels that this installation and hospital have an account for."""
    row, found = asked.hospital, []
    if row.wecom_corp and row.wecom_agent is not None:
        found.append(str(Channel.WECOM))
    if settings.EMAIL_HOST:
        found.append(str(Channel.MAIL))
    return found


def shown(hospital: Hospital, person: int | None) -> list[dict[str, Any]]:
    """The list of kinds for a settings page: a person's own, or (None) the hospital's."""
    asked = read(hospital, [] if person is None else [person])
    there = {"inbox", *outside(hospital, asked)}
    plugins = enabled_plugins(hospital.id)
    return [
        {
            "key": kind.key,
            "label": kind.label,
            "hint": kind.hint,
            "channels": [
                _channel(asked, kind, channel, person) for channel in kind.channels if channel in there
            ],
        }
        for kind in all_kinds()
        if not kind.plugin or kind.plugin in plugins
    ]


def cleaned(given: Any) -> dict[str, dict[str, bool]]:
    """What a settings page sent, [{key, channels: [{channel, on}]}] → {kind: {channel: bool}}. Raises Invalid."""
    found: dict[str, dict[str, bool]] = {}
    errors = []
    for i, one in enumerate(given):
        kind = kind_of(one.key)
        if kind is None:
            errors.append(FieldError(f"/kinds/{i}/key", "没有这种消息。", "请刷新页面后再试。"))
            continue
        for j, switch in enumerate(one.channels):
            pointer = f"/kinds/{i}/channels/{j}"
            if switch.channel not in kind.channels:
                errors.append(FieldError(pointer, "这种消息没有这个渠道。", "请刷新页面后再试。"))
            elif switch.channel in kind.locked and not switch.on:
                label = CHANNEL_LABELS[switch.channel]
                errors.append(FieldError(pointer, f"“{kind.label}”的{label}不能关闭。", "请保留这一项。"))
            else:
                found.setdefault(kind.key, {})[switch.channel] = switch.on
    if errors:
        raise Invalid("有的开关不能这样设置。", errors)
    return found


def _channel(asked: Switches, kind: NoticeKind, channel: str, person: int | None) -> dict[str, Any]:
    allowed = asked.hospital_on(kind, channel)
    if person is None:
        on, locked = allowed, channel in kind.locked
    else:
        on, locked = asked.on(kind, person, channel), channel in kind.locked or not allowed
    return {"channel": channel, "label": CHANNEL_LABELS[channel], "on": on, "locked": locked}


def _on(kind: NoticeKind, channel: str, given: Kinds) -> bool:
    if channel in kind.locked:
        return True
    return bool(given.get(kind.key, {}).get(channel, channel not in kind.off))
