from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Category, Product

admin.site.site_header = admin.site.site_title = "visualsearch"
admin.site.index_title = "Catalog"


class PriceFilter(admin.SimpleListFilter):
    title = "price"
    parameter_name = "price"
    BANDS = (("0-10", "up to 10"), ("10-25", "10 to 25"), ("25-50", "25 to 50"), ("50-", "from 50"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.BANDS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() not in dict(self.BANDS):
            return queryset
        low, high = str(self.value()).split("-")
        queryset = queryset.filter(price__gte=low)
        return queryset.filter(price__lt=high) if high else queryset


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    search_fields = ("name",)


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("thumbnail", "name", "sku", "category", "cost", "active", "vector")
    list_display_links = ("thumbnail", "name")
    list_filter = ("embedding_status", "active", "category", PriceFilter)
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "sku")
    readonly_fields = ("preview", "vector", "embedder", "embedded_at", "created_at", "updated_at")
    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (None, {"fields": ("name", "sku", "category", ("price", "currency"), "link", "active")}),
        ("Picture", {"fields": ("preview", "image", "image_url")}),
        ("Vector", {"fields": ("vector", "embedder", "embedded_at")}),
        ("History", {"fields": ("created_at", "updated_at")}),
    )

    class Media:
        css: ClassVar = {"all": ("admin.css",)}

    @admin.display(description="")
    def thumbnail(self, product: Product) -> SafeString | str:
        return _picture(product, "thumbnail")

    @admin.display(description="now")
    def preview(self, product: Product) -> SafeString | str:
        return _picture(product, "preview")

    @admin.display(description="price", ordering="price")
    def cost(self, product: Product) -> str:
        return f"{product.price} {product.currency}"

    @admin.display(description="vector", ordering="embedding_status")
    def vector(self, product: Product) -> SafeString:
        """The state as a badge, the reason beside it."""
        state, reason = product.embedding_status, product.embedding_error
        if not product.image:
            state, reason = "missing", "This product has no picture, so search can't find it."
        return format_html(
            '<span class="state state-{}" title="{}">{}</span>', state, reason, state
        )


def _picture(product: Product, css_class: str) -> SafeString | str:
    if not product.image:
        return "-"
    return format_html('<img class="{}" src="{}" alt="">', css_class, product.image.url)
