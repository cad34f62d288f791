"""Adds to the catalog's admin what search knows: notices, findings and the staff pages."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest

from catalog.admin import ProductAdmin
from catalog.models import Product
from search.doctor.notices import notices

admin.site.index_template = "admin/search/index.html"
admin.site.unregister(Product)


@admin.register(Product)
class SearchedProductAdmin(ProductAdmin):
    """The catalog's ProductAdmin, which also shows the doctor's findings and notices."""

    change_form_template = "admin/search/product.html"

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the commit, tell what is wrong with the new pictures."""
        super().save_related(request, form, formsets, change)
        pictures = [form.instance] if "image" in form.changed_data else []
        for formset in formsets:
            changed = (row for row, names in formset.changed_objects if "image" in names)
            pictures += [*formset.new_objects, *changed]

        def tell() -> None:
            for notice in notices(pictures):
                messages.warning(request, notice)

        transaction.on_commit(tell, robust=True)
