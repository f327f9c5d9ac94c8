"""Hands in the record: edits, deletions, re-orderings, roll-backs at random places, some of them cunning.

Each gives the lowest number that is wrong, and whether `verify` can name exactly that one.
"""

from django.db import connection

from core.audit.leaves import hashes
from core.audit.merkle import Frontier
from core.audit.models import Head, Kind, Leaf, Sealer
from core.audit.sealer import seal_pending
from core.audit.verify import verify
from core.kernel.context import Actor, acting
from core.org.models import Person

TABLES = {Kind.CHANGE: "audit_change", Kind.EVENT: "audit_event"}
COLUMNS = {
    Kind.CHANGE: ("table", "pk", "op", "actor", "changes"),
    Kind.EVENT: ("kind", "subject_type", "subject_uid", "actor", "label"),
}


def make_history():
    """Some sixty rows of both kinds, sealed in nine steps; the leaves."""
    from core.audit.events import record

    for step in range(9):
        with acting(Actor("user", f"u-{step % 3}", "护士")):
            for n in range(step % 4 + 3):
                person = Person.objects.create(name=f"甲{step}{n}", sort_key="jia")
                record("person.added", "person", str(person.uid), {"step": step, "n": n})
            person.name = "乙"
            person.save()
        seal_pending()
    assert verify().ok
    return list(Leaf.objects.order_by("number"))


def edit(dice, history):
    """One column of one row."""
    leaf = dice.choice(history)
    column = dice.choice(COLUMNS[leaf.kind])
    if dice.random() < 0.2:
        _run(f"UPDATE {TABLES[leaf.kind]} SET at = '2020-02-02 00:00:00+00:00' WHERE id = %s", leaf.row)
    else:
        new = "X" if column == "op" else "改" + str(dice.random())
        _run(f'UPDATE {TABLES[leaf.kind]} SET "{column}" = %s WHERE id = %s', new, leaf.row)
    if cunning := dice.random() < 0.5:
        fresh = hashes(leaf.kind, [leaf.row], "default")[leaf.row]
        Leaf.objects.filter(pk=leaf.number).update(hash=fresh)
        _mend_sealer()
    return leaf.number, not cunning


def delete(dice, history):
    """One row, with or without its leaf."""
    leaf = dice.choice(history)
    way = dice.randrange(3)
    _run(f"DELETE FROM {TABLES[leaf.kind]} WHERE id = %s", leaf.row)
    if way == 0:
        return leaf.number, True
    Leaf.objects.filter(pk=leaf.number).delete()
    if way == 1:
        return leaf.number, leaf.number != history[-1].number
    for later in history[leaf.number + 1 :]:  # close the gap
        Leaf.objects.filter(pk=later.number).update(number=later.number - 1)
    _mend_sealer()
    return leaf.number, False


def reorder(dice, history):
    """Two numbers, or two rows."""
    first, second = sorted(dice.sample(history, 2), key=lambda leaf: leaf.number)
    if dice.random() < 0.5:  # swap two numbers: each row still fits its hash
        Leaf.objects.filter(pk=first.number).update(number=-1)
        Leaf.objects.filter(pk=second.number).update(number=first.number)
        Leaf.objects.filter(pk=-1).update(number=second.number)
        _mend_sealer()
        return first.number, False
    same = [leaf for leaf in history if leaf.kind == first.kind and leaf != first]
    second = dice.choice(same)
    _run(f"UPDATE {TABLES[first.kind]} SET id = -1 WHERE id = %s", first.row)  # swap two rows under their ids
    _run(f"UPDATE {TABLES[first.kind]} SET id = %s WHERE id = %s", first.row, second.row)
    _run(f"UPDATE {TABLES[first.kind]} SET id = %s WHERE id = -1", second.row)
    return min(first.number, second.number), True


def roll_back(dice, history):
    """Back to an earlier head, everything in the database consistent; sometimes history then goes on otherwise."""
    sizes = list(Head.objects.order_by("size").values_list("size", flat=True))
    size = dice.choice([0, *sizes[:-1]])
    for leaf in history[size:]:
        _run(f"DELETE FROM {TABLES[leaf.kind]} WHERE id = %s", leaf.row)
    Leaf.objects.filter(number__gte=size).delete()
    Head.objects.filter(size__gt=size).delete()
    low = {
        str(kind): max((leaf.row for leaf in history[:size] if leaf.kind == kind), default=0)
        for kind in TABLES
    }
    _mend_sealer()
    Sealer.objects.update(low=low, mark=None)
    if dice.random() < 0.5:
        with acting(Actor("user", "u-9", "他人")):
            for n in range(dice.choice([2, 90])):
                Person.objects.create(name=f"另{n}", sort_key="ling")
        seal_pending()
    return size, True


def _mend_sealer():
    frontier = Frontier()
    for digest in Leaf.objects.order_by("number").values_list("hash", flat=True):
        frontier.append(bytes(digest))
    Sealer.objects.update(size=frontier.size, frontier=[node.hex() for node in frontier.hashes])


def next_head(number):
    """Size of the head that covers a number."""
    sizes = [size for size in Head.objects.values_list("size", flat=True) if size > number]
    return min(sizes, default=10**9)


def _run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


WAYS = {"edits": edit, "deletions": delete, "reorderings": reorder, "roll_backs": roll_back}
