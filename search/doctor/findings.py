"""Findings in step with what is claimed; what staff have dismissed is not brought up again."""

from collections.abc import Collection, Iterable, Set

from django.db import transaction
from django.db.models import Count

from search.doctor.claims import Claim, Key, Shown
from search.doctor.models import Finding, Kind, State, Subject

# The pictures of what was dismissed, by kind, category, and each of those pictures.
Dismissed = dict[tuple[Kind, int | None, Key], list[set[Key]]]


@transaction.atomic
def settle(claims: Iterable[Claim], *, pending: Set[int] = frozenset()) -> None:
    """Make the open findings those that are claimed, but for what has been dismissed.

    Findings on products that are still to be looked at, given by id, stay.
    """
    _forget_dismissed()
    dismissed = _dismissed()
    wanted = {claim.key: claim for claim in claims if not _is_covered(claim, dismissed)}
    gone = []
    for finding in Finding.objects.filter(state=State.OPEN).prefetch_related("subjects"):
        claim = _claim_of(finding)
        if wanted.pop(claim.key, None) is None and not _products(claim) & pending:
            gone.append(finding.pk)
    Finding.objects.filter(pk__in=gone).delete()
    _add(wanted.values())


def count(state: State = State.OPEN) -> dict[Kind, int]:
    """How many findings of each kind are in this state, in one query; kinds without left out."""
    rows = Finding.objects.filter(state=state).order_by()
    found = dict(rows.values_list("kind").annotate(Count("pk")))
    return {kind: found[kind] for kind in Kind if kind in found}


def _forget_dismissed() -> None:
    """What was dismissed holds as long as a picture of it is there."""
    dismissed = Finding.objects.filter(state=State.DISMISSED)
    Subject.objects.filter(finding__in=dismissed).outdated().delete()
    dismissed.filter(subjects=None).delete()


def _dismissed() -> Dismissed:
    found: Dismissed = {}
    findings = Finding.objects.filter(state=State.DISMISSED).prefetch_related("subjects")
    for claim in map(_claim_of, findings):
        seen = _seen(claim)
        for picture in seen:
            found.setdefault((claim.kind, claim.category, picture), []).append(seen)
    return found


def _claim_of(finding: Finding) -> Claim:
    shown = (Shown(each.product_id, each.photo_id, each.image) for each in finding.subjects.all())
    return Claim(Kind(finding.kind), tuple(shown), finding.measure, finding.category_id)


def _products(claim: Claim) -> set[int]:
    return {shown.product for shown in claim.shown}


def _is_covered(claim: Claim, dismissed: Dismissed) -> bool:
    """Whether staff have seen all of these pictures together, and dismissed that."""
    seen = _seen(claim)
    which = claim.kind, claim.category, next(iter(seen))
    return any(seen <= old for old in dismissed.get(which, ()))


def _seen(claim: Claim) -> set[Key]:
    """A placeholder that is all right is so on any product."""
    if claim.kind == Kind.PLACEHOLDER:
        return {(0, shown.image) for shown in claim.shown}
    return {shown.key for shown in claim.shown}


def _add(claims: Collection[Claim]) -> None:
    findings = Finding.objects.bulk_create(
        Finding(kind=claim.kind, measure=claim.measure, category_id=claim.category)
        for claim in claims
    )
    Subject.objects.bulk_create(
        Subject(finding=finding, product_id=shown.product, photo_id=shown.photo, image=shown.image)
        for finding, claim in zip(findings, claims, strict=True)
        for shown in claim.shown
    )
