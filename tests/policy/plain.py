"""The rules of rights read as a person would read them: the judge of the four forms of policy."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.policy.making import NEVER_ENTRUSTED, TODAY, TYPE, World


class Plain:
    """The rules read as a person would, without predicates: slow, simple, and the judge of all four forms."""

    def __init__(self, world: World) -> None:
        self.world = world

    def verdict(self, person: int, thing: dict[str, Any]) -> tuple[bool, int]:
        """Whether the person may, and the highest class shown."""
        if (
            not self._own(person)
            or self._kept_away(person, thing)
            or self._denied(person, thing, entrusted=True)
        ):
            return False, 0
        best = (False, 0)
        rank = (0, 0)
        for row, _ in self._rights(person, thing):
            if row.effect == "deny":
                continue
            shown = min(row.max_class, 2) if row.effect == "mask" else row.max_class
            order = (1 if row.effect == "approve" else 2, shown)
            if order > rank:
                rank, best = order, (row.effect != "approve", shown)
        return best

    def _rights(self, person: int, thing: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
        for row in self.world.rows:
            for post in self._own(person):
                if row.role in ("*", post.role) and self._row_speaks(
                    row, post, person, thing, post.department_path
                ):
                    yield row, post
            for given, post, reach in self._entrusted(person):
                if row.role != post.role or row.relation == "own" or row.effect == "deny":
                    continue
                if self._kept_away(given.giver_id, thing) or self._denied(
                    given.giver_id, thing, entrusted=False
                ):
                    continue
                if self._row_speaks(row, post, person, thing, reach):
                    yield row, post

    def _own(self, person: int) -> list[Any]:
        return [post for post in self.world.posts[person] if _covers(post.starts_on, post.ends_on)]

    def _entrusted(self, person: int) -> Iterator[tuple[Any, Any, str]]:
        for given in self.world.handed[person]:
            gone = given.revoked_on is not None and given.revoked_on <= TODAY
            if gone or not _covers(given.starts_on, given.ends_on) or given.role in NEVER_ENTRUSTED:
                continue
            for post in self._own(given.giver_id):
                if post.role != given.role:
                    continue
                if given.within and not (
                    post.department_path and given.within.startswith(post.department_path)
                ):
                    continue
                yield given, post, given.within or post.department_path

    def _denied(self, person: int, thing: dict[str, Any], *, entrusted: bool) -> bool:
        rights = [(post, post.department_path) for post in self._own(person)]
        rights += [(post, reach) for _, post, reach in self._entrusted(person)] if entrusted else []
        return any(
            row.effect == "deny"
            and row.role in ("*", post.role)
            and self._row_speaks(row, post, person, thing, reach)
            for row in self.world.rows
            for post, reach in rights
        )

    def _row_speaks(self, row: Any, post: Any, person: int, thing: dict[str, Any], reach: str) -> bool:
        if row.states and thing["state"] not in row.states:
            return False
        if row.relation == "hospital":
            return True
        if row.relation == "department":
            at = self.world.paths.get(thing["department"], "")
            return bool(reach) and at.startswith(reach)
        if row.relation == "campus":
            return post.campus is not None and post.campus == thing["campus"]
        if row.relation == "party":
            return bool(post.party_path) and self.world.parties.get(thing["party"], "").startswith(
                post.party_path
            )
        if self.world.policy.person_by == "source_code":
            return thing["code"] != "" and thing["code"] in {one.source_code for one in self._own(person)}
        return thing["person"] == person

    def _kept_away(self, person: int, thing: dict[str, Any]) -> bool:
        for one in self.world.kept:
            if one.person_id != person or not _covers(one.starts_on, one.ends_on):
                continue
            right = one.right
            if right.kind == "department" and self.world.paths.get(thing["department"], "").startswith(
                one.department_path
            ):
                return True
            if right.kind == "object" and right.type == TYPE and right.object == thing["object"]:
                return True
            if right.kind == "person":
                [about] = right.person_ids
                if self.world.policy.person_by == "source_code":
                    if thing["code"] and thing["code"] in {
                        post.source_code for post in self.world.posts[about]
                    }:
                        return True
                elif thing["person"] == about:
                    return True
        return False


def _covers(starts_on: date, ends_on: date | None) -> bool:
    return starts_on <= TODAY and (ends_on is None or ends_on >= TODAY)
