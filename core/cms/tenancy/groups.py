"""Wagtail's groups of a hospital, and who belongs to them: both follow from dated posts, never from a form.

Nobody may publish directly: editors write, reviewers let out through the workflow (SecondPersonTask).
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from wagtail.models import Collection, GroupCollectionPermission, GroupPagePermission, Page

from core.cms.models import HospitalGroup, HospitalRoot
from core.cms.tenancy.reach import Reach
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Hospital, Post, User
from core.policy.roles import role_label

BY = Actor.system("posts")

#: Role → what its group may do on the hospital's pages. `unlock` lets a reviewer walk the tree; no row has `publish`.
PAGES: dict[str, tuple[str, ...]] = {"editor": ("add", "change"), "reviewer": ("unlock",)}
#: Role → what its group may do in the hospital's folder, for pictures and files alike.
MEDIA: dict[str, tuple[str, ...]] = {"editor": ("add", "change", "choose"), "reviewer": ("choose",)}
ROLES = tuple(PAGES)
#: The nameless root of the tree, as choosers show it.
ROOT_TITLE = "全部医院"


def sync_groups(hospital: Hospital) -> dict[str, Group]:
    """Make the hospital's groups and their rights exactly what this file says, and their members what the posts say.

    Needs the hospital's root page. One transaction of the caller's or its own; repeating it writes nothing.
    """
    root = HospitalRoot.objects.get(hospital=hospital)
    with transaction.atomic():
        Page.objects.filter(depth=1, title="Root").update(title=ROOT_TITLE, draft_title=ROOT_TITLE)
        groups = {role: _group(hospital, role) for role in ROLES}
        for role, group in groups.items():
            _access(group)
            _page_rights(group, root, PAGES[role])
            _media_rights(group, root.collection, MEDIA[role])
        _members(hospital, groups)
    return groups


def reach_of(user: Any) -> Reach:
    """What a person reaches today; their groups are corrected first, so that a post that ended yesterday ends now.

    Three short queries: the posts, the groups of those hospitals, the groups held. Writes only when they differ.
    """
    due, reach = _due(user)
    held = set(user.groups.values_list("pk", flat=True))
    if held != due:
        with acting(BY):
            user.groups.set(due)
    return reach


def _due(user: Any) -> tuple[set[int], Reach]:
    """Group ids and reach that follow from today's posts."""
    if not user.is_active or user.person_id is None:
        return set(), Reach()
    posts = Post.unscoped.filter(person_id=user.person_id, role__in=ROLES).values_list(
        "role", "starts_on", "ends_on", "hospital_id", "hospital__zone"
    )
    held = {(hospital, role) for role, start, end, hospital, zone in posts if _today(zone, start, end)}
    if not held:
        return set(), Reach()
    hospitals = {hospital for hospital, _ in held}
    groups = _groups_of(hospitals)
    if missing := {one for one, role in held if (one, role) not in groups}:
        with acting(BY):
            for hospital in HospitalRoot.objects.filter(hospital__in=missing).select_related("hospital"):
                sync_groups(hospital.hospital)
        groups = _groups_of(hospitals)
    known = {one: groups[one] for one in held if one in groups}
    paths = {(page, folder, slug) for _, page, folder, slug in known.values()}
    return {pk for pk, *_ in known.values()}, Reach(
        frozenset(hospital for hospital, _ in known),
        tuple(sorted(page for page, *_ in paths)),
        tuple(sorted(folder for _, folder, _ in paths)),
        frozenset(role for _, role in known),
        tuple(sorted(slug for *_, slug in paths)),
    )


def _today(zone: str, starts_on: Any, ends_on: Any) -> bool:
    day = clock.today(zone)
    return starts_on <= day and (ends_on is None or ends_on >= day)


def _groups_of(hospitals: set[int]) -> dict[tuple[int, str], tuple[int, str, str, str]]:
    """(hospital, role) → group id, path of the root page, path of the folder, slug."""
    rows = HospitalGroup.unscoped.filter(
        hospital__in=hospitals, hospital__root_page__isnull=False
    ).values_list(
        "hospital_id",
        "role",
        "group_id",
        "hospital__root_page__path",
        "hospital__root_page__collection__path",
        "hospital__slug",
    )
    return {(hospital, role): tuple(rest) for hospital, role, *rest in rows}


def _group(hospital: Hospital, role: str) -> Group:
    found = HospitalGroup.unscoped.filter(hospital=hospital, role=role).select_related("group").first()
    if found is not None:
        return found.group
    group, _ = Group.objects.get_or_create(name=f"{hospital.slug}：{role_label(role)}")
    HospitalGroup.unscoped.create(hospital=hospital, role=role, group=group)
    return group


def _access(group: Group) -> None:
    wanted = set(Permission.objects.filter(content_type__app_label="wagtailadmin", codename="access_admin"))
    if set(group.permissions.all()) != wanted:
        group.permissions.set(wanted)


def _page_rights(group: Group, root: Page, actions: tuple[str, ...]) -> None:
    wanted = {(_permission("wagtailcore", f"{action}_page"), root.pk) for action in actions}
    held = {(one.permission_id, one.page_id): one for one in GroupPagePermission.objects.filter(group=group)}
    for key in held.keys() - wanted:
        held[key].delete()
    for permission, page in wanted - held.keys():
        GroupPagePermission.objects.create(group=group, permission_id=permission, page_id=page)


def _media_rights(group: Group, folder: Collection, actions: tuple[str, ...]) -> None:
    # Wagtail asks for the rights of its own models, whichever model of ours stands in their place
    wanted = {
        (_permission(app, f"{action}_{name}"), folder.pk)
        for app, name in (("wagtailimages", "image"), ("wagtaildocs", "document"))
        for action in actions
    }
    held = {
        (one.permission_id, one.collection_id): one
        for one in GroupCollectionPermission.objects.filter(group=group)
    }
    for key in held.keys() - wanted:
        held[key].delete()
    for permission, collection in wanted - held.keys():
        GroupCollectionPermission.objects.create(
            group=group, permission_id=permission, collection_id=collection
        )


def _permission(app: str, codename: str) -> int:
    return Permission.objects.get(content_type__app_label=app, codename=codename).pk


def _members(hospital: Hospital, groups: dict[str, Group]) -> None:
    """Members as of today, for those who do not come by themselves: notices go to a group's members."""
    posts = Post.unscoped.filter(hospital=hospital, role__in=groups).values_list(
        "role", "starts_on", "ends_on", "person_id"
    )
    for role, group in groups.items():
        persons = [
            person for held, start, end, person in posts if held == role and _today(hospital.zone, start, end)
        ]
        users = User.objects.filter(person__in=persons, is_active=True, is_superuser=False)
        if set(group.user_set.all()) != set(users):
            group.user_set.set(users)
