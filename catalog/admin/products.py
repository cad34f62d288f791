"""The pages of categories and products: their lists, forms and pictures."""

import json
from contextlib import suppress
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.admin.actions import embed_again, hide, refetch, retry, show
from catalog.admin.exports import ExportsProducts
from catalog.admin.imports import ImportsProducts
from catalog.admin.lists import (
    SELLING_PRICE,
    BoundedLists,
    FoundFilter,
    PriceFilter,
    StateFilter,
)
from catalog.embedding.columns import NEVER, is_remote
from catalog.embedding.progress import STATE_NAMES, current_identity, measure_progress, state_of
from catalog.messages.prices import format_price
from catalog.messages.translation import translated
from catalog.models import Category, EmbeddedPicture, Product, ProductPhoto
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import DECODING, STAFF
from catalog.pictures.stored import picture_in
from catalog.values import InvalidValue, address, attributes_in, price

PRICES = ("price", "sale_price", "currency")


class PriceField(forms.DecimalField):
    """A price by the rule for files, such as 12,90, without a currency."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            amount, currency = price(value)
        except InvalidValue as error:
            raise ValidationError(translated(error)) from error
        if currency:
            raise ValidationError(_("Give the currency in its own field."))
        return amount


class AttributesField(forms.CharField):
    """Attributes as JSON, or as `size=M; colour=red`."""

    widget = forms.Textarea

    def __init__(self, *, encoder: Any = None, decoder: Any = None, **options: Any) -> None:
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        try:
            return attributes_in(value or "")
        except InvalidValue as error:
            raise ValidationError(translated(error)) from error


class ShowsPictures:
    """Columns and fields of an admin whose rows have pictures."""

    @admin.display(description="")
    def thumbnail(self, row: EmbeddedPicture) -> SafeString | str:
        return _picture("thumbnail", row.image.thumbnail_url)

    # Translators: heads the picture that a product has at present.
    @admin.display(description=gettext_lazy("now"))
    def preview(self, row: EmbeddedPicture) -> SafeString | str:
        return _picture("preview", row.image.thumbnail_url and row.image.url)

    @admin.display(description=gettext_lazy("picture"), ordering="embedding_status")
    def badge(self, row: EmbeddedPicture) -> SafeString:
        """The state, with the reason on hover and for screen readers."""
        state = state_of(row, current_identity())
        return format_html(
            '<span class="state state-{0}" title="{1}">{2}'
            '<span class="visually-hidden">: {1}</span></span>',
            state.name,
            state.reason,
            STATE_NAMES[state.name],
        )

    # Translators: of a picture or of a feed.
    @admin.display(description=gettext_lazy("state"))
    def state(self, row: EmbeddedPicture) -> SafeString | str:
        """The state, with the reason beside it, and whether the picture's address is in use."""
        if row.pk is None:
            return "-"
        state = state_of(row, current_identity())
        reason = state.reason
        if row.image and is_remote(row.image_url) and row.refetch_at == NEVER:
            uploaded = _("This picture was uploaded; the one at its address is not used.")
            reason = f"{reason} {uploaded}"
        return format_html(
            '<span class="state state-{}">{}</span> <span class="reason">{}</span>',
            state.name,
            STATE_NAMES[state.name],
            reason,
        )


@admin.register(Category)
class CategoryAdmin(BoundedLists, admin.ModelAdmin):
    search_fields = ("name",)


class PictureForm(forms.ModelForm):
    """Takes addresses only: an import reads paths, and leaves them behind in this field."""

    class Meta:
        help_texts: ClassVar = {
            "image_url": gettext_lazy("The http(s) address that the picture comes from.")
        }

    def clean_image_url(self) -> str:
        source: str = self.cleaned_data["image_url"]
        if not source or "image_url" not in self.changed_data:
            return source
        try:
            return address(source)
        except InvalidValue as error:
            raise ValidationError(translated(error)) from error


class PhotoInline(ShowsPictures, admin.TabularInline):
    form = PictureForm
    model = ProductPhoto
    verbose_name, verbose_name_plural = gettext_lazy("photo"), gettext_lazy("further photos")
    fields = ("thumbnail", "image", "image_url", "position", "state")
    readonly_fields = ("thumbnail", "state")
    ordering = ("position", "id")
    extra = 0


@admin.register(Product)
class ProductAdmin(BoundedLists, ExportsProducts, ShowsPictures, ImportsProducts):
    form = PictureForm
    list_display = (
        "thumbnail", "name", "sku", "category", "cost", "availability", "active", "badge"
    )  # fmt: skip
    list_display_links = ("thumbnail", "name")
    list_filter = (StateFilter, FoundFilter, "availability", "category", PriceFilter, "feed")
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "sku", "brand", "group")
    actions = (retry, embed_again, refetch, hide, show)
    inlines = (PhotoInline,)
    change_list_template = "admin/catalog/product/change_list.html"
    readonly_fields = (
        *("preview", "state", "embedder", "embedded_at"),
        *("feed", "left_feed_at", "created_at", "updated_at"),
    )
    formfield_overrides: ClassVar = {
        models.URLField: {"assume_scheme": "https"},
        models.DecimalField: {"form_class": PriceField},
        models.JSONField: {"form_class": AttributesField, "widget": forms.Textarea({"rows": 3})},
    }
    fieldsets = (
        (None, {"fields": ("name", "sku", "category", PRICES, "availability", "link", "active")}),
        (gettext_lazy("Details"), {"fields": ("brand", "group", "attributes")}),
        (gettext_lazy("Picture"), {"fields": ("preview", "image", "image_url")}),
        # Translators: the numbers by which search compares a picture.
        (gettext_lazy("Vector"), {"fields": ("state", "embedder", "embedded_at")}),
        (
            gettext_lazy("History"),
            {"fields": ("feed", "left_feed_at", "created_at", "updated_at")},
        ),
    )

    @admin.display(description=gettext_lazy("price"), ordering=SELLING_PRICE)
    def cost(self, product: Product) -> str:
        price, sale_price = product.price, product.sale_price
        if sale_price is None:
            return format_price(price, product.currency)
        return _("%(sale_price)s (was %(price)s)") % {
            "sale_price": format_price(sale_price, product.currency),
            "price": format_price(price, product.currency),
        }

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """The form. Uploads are decoded here, before its transaction locks anything."""
        if self.has_add_permission(request) or self.has_change_permission(request):
            for name, upload in request.FILES.items():
                if name.endswith("image"):
                    with DECODING.one(STAFF), suppress(InvalidImage):  # the form says why
                        picture_in(upload)
        page: HttpResponse = super().changeform_view(request, *args, **options)
        return page

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("progress/", view, name="catalog_product_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest) -> TemplateResponse:
        """How far a running build has come; the page asks again while anything is left."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            # Translators: of the work on pictures.
            "title": _("Progress"),
            "opts": self.opts,
            "progress": measure_progress(),
        }
        return TemplateResponse(request, "admin/catalog/product/progress.html", context)


def _picture(css_class: str, url: str) -> SafeString | str:
    return format_html('<img class="{}" src="{}" alt="">', css_class, url) if url else "-"
