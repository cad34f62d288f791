"""Keeps the findings in step with the suspicions; dismissed ones are not raised again."""

from collections.abc import Iterable, Set

from django.db import transaction
from django.db.models import Count

from search.doctor.judging import Evidence, Suspicion
from search.doctor.models import Finding, Kind, State, Subject


@transaction.atomic
def settle(suspicions: Iterable[Suspicion], *, pending: Set[int] = frozenset()) -> None:
    """Replace the open findings by the suspicions, except for those that staff have dismissed.

    Findings on products that are still to be examined, given by their ids, stay.
    """
    # A dismissal holds as long as one of its pictures is there.
    dismissed = Finding.objects.filter(state=State.DISMISSED)
    Subject.objects.filter(finding__in=dismissed).outdated().delete()
    dismissed.filter(subjects=None).delete()
    # The pictures of each dismissed finding, by kind, category and each of those pictures
    seen: dict[tuple[Kind, int | None, tuple[int, str]], list[set[tuple[int, str]]]] = {}
    for old in map(_suspicion_of, dismissed.prefetch_related("subjects")):
        pictures = _pictures(old)
        for picture in pictures:
            seen.setdefault((old.kind, old.category, picture), []).append(pictures)

    wanted = {}
    for suspicion in suspicions:
        pictures = _pictures(suspicion)
        which = suspicion.kind, suspicion.category, next(iter(pictures))
        if not any(pictures <= old for old in seen.get(which, ())):
            wanted[suspicion.key] = suspicion
    outdated = []
    for finding in Finding.objects.filter(state=State.OPEN).prefetch_related("subjects"):
        suspicion = _suspicion_of(finding)
        is_pending = any(each.product in pending for each in suspicion.evidence)
        if wanted.pop(suspicion.key, None) is None and not is_pending:
            outdated.append(finding.pk)
    Finding.objects.filter(pk__in=outdated).delete()
    new = list(wanted.values())
    findings = Finding.objects.bulk_create(
        Finding(kind=each.kind, measure=each.measure, category_id=each.category) for each in new
    )
    Subject.objects.bulk_create(
        Subject(finding=finding, product_id=each.product, photo_id=each.photo, image=each.image)
        for finding, suspicion in zip(findings, new, strict=True)
        for each in suspicion.evidence
    )


def count(state: State = State.OPEN) -> dict[Kind, int]:
    """The number of findings of each kind in this state, in one query; kinds without are absent."""
    rows = Finding.objects.filter(state=state).order_by()
    found = dict(rows.values_list("kind").annotate(Count("pk")))
    return {kind: found[kind] for kind in Kind if kind in found}


def _suspicion_of(finding: Finding) -> Suspicion:
    evidence = (Evidence(row.product_id, row.photo_id, row.image) for row in finding.subjects.all())
    return Suspicion(Kind(finding.kind), tuple(evidence), finding.measure, finding.category_id)


def _pictures(suspicion: Suspicion) -> set[tuple[int, str]]:
    """The pictures that a dismissal covers. A dismissed placeholder is fine on any product."""
    if suspicion.kind == Kind.PLACEHOLDER:
        return {(0, each.image) for each in suspicion.evidence}
    return {each.key for each in suspicion.evidence}
