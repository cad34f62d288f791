"""Who may write over the API."""

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

ADD, CHANGE, DELETE = (f"catalog.{verb}_product" for verb in ("add", "change", "delete"))

Permissions = Mapping[str, tuple[str, ...]]  # by HTTP method


class StaffWrites(BasePermission):
    """Everybody may read. Only staff with the permissions that the view names may write.

    The permissions are those that the admin gives to users and groups.
    """

    message = "Only staff with permission may do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        permissions: Permissions = view.write_permissions
        needed = permissions.get(str(request.method), ())
        return request.user.is_staff and request.user.has_perms(needed)
