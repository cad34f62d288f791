"""The doctor's findings for the admin's templates."""

from typing import Any

from django import template
from django.template.context import RequestContext

from search.doctor.findings import count
from search.doctor.models import Finding, State, Subject

register = template.Library()


@register.inclusion_tag("admin/doctor/_counts.html", takes_context=True)
def doctor_counts(context: RequestContext) -> dict[str, Any]:
    """A banner with the number of findings, for staff who may see products; one query."""
    may_view = context["request"].user.has_perm("catalog.view_product")
    return {"counts": count() if may_view else {}}


@register.inclusion_tag("admin/doctor/_of_product.html")
def doctor_findings(product: Any) -> dict[str, Any]:
    """A banner with the findings on one product."""
    ids = Subject.objects.of(product.pk)
    findings = Finding.objects.filter(state=State.OPEN, pk__in=ids).select_related("category")
    return {"product": product, "findings": findings}
