"""The admin: what a shop's people see and do."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from catalog.admin.actions import embed_again, hide, retry, show
from catalog.admin.files import ProductFiles
from catalog.admin.filters import FoundFilter, PriceFilter, StateFilter
from catalog.admin.lists import BoundedLists
from catalog.admin.pictures import ShowsPictures
from catalog.embedding.progress import measure_progress
from catalog.models import Category, Product, ProductPhoto

admin.site.site_header = admin.site.site_title = "visualsearch"
admin.site.index_title = "Catalog"


@admin.register(Category)
class CategoryAdmin(BoundedLists, admin.ModelAdmin):
    search_fields = ("name",)


class PhotoInline(ShowsPictures, admin.TabularInline):
    model = ProductPhoto
    verbose_name, verbose_name_plural = "photo", "further photos"
    fields = ("thumbnail", "image", "image_url", "position", "state")
    readonly_fields = ("thumbnail", "state")
    ordering = ("position", "id")
    extra = 0


@admin.register(Product)
class ProductAdmin(BoundedLists, ProductFiles, ShowsPictures, admin.ModelAdmin):
    list_display = ("thumbnail", "name", "sku", "category", "cost", "active", "badge")
    list_display_links = ("thumbnail", "name")
    list_filter = (StateFilter, FoundFilter, "category", PriceFilter)
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "sku")
    actions = (retry, embed_again, hide, show)
    inlines = (PhotoInline,)
    change_list_template = "admin/catalog/product/change_list.html"
    readonly_fields = ("preview", "state", "embedder", "embedded_at", "created_at", "updated_at")
    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (None, {"fields": ("name", "sku", "category", ("price", "currency"), "link", "active")}),
        ("Picture", {"fields": ("preview", "image", "image_url")}),
        ("Vector", {"fields": ("state", "embedder", "embedded_at")}),
        ("History", {"fields": ("created_at", "updated_at")}),
    )

    class Media:
        css: ClassVar = {"all": ("admin.css",)}

    @admin.display(description="price", ordering="price")
    def cost(self, product: Product) -> str:
        return f"{product.price}\N{NO-BREAK SPACE}{product.currency}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("progress/", view, name="catalog_product_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest) -> TemplateResponse:
        """How far a running build has come; the page asks again while anything is left."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Progress",
            "opts": self.opts,
            "progress": measure_progress(),
        }
        return TemplateResponse(request, "admin/catalog/product/progress.html", context)
