"""Who may write over the API."""

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

ADD, CHANGE, DELETE = (f"catalog.{verb}_product" for verb in ("add", "change", "delete"))

Rights = Mapping[str, tuple[str, ...]]  # by method


class StaffWrites(BasePermission):
    """Everybody reads; who writes is staff and has the rights that a view names for the method.

    The rights are those of the admin, given to people and groups there.
    """

    message = "This takes staff with the right to do it."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        rights: Rights = view.rights
        needed = rights.get(str(request.method), ())
        return request.user.is_staff and request.user.has_perms(needed)
