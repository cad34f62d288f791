"""The admin of the catalog: lists, forms, imports and exports for the people of a shop.

`search.admin` adds what search knows of products.
"""

from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from catalog.admin.feeds import FeedAdmin
from catalog.admin.products import CategoryAdmin, ProductAdmin

__all__ = ["CategoryAdmin", "FeedAdmin", "ProductAdmin"]

admin.site.site_header = admin.site.site_title = settings.SHOP_NAME
admin.site.index_title = _("Catalog")
