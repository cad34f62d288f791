"""The page that imports a file of products: how it is read and what would change, then the import.

A file that nobody can read by itself can be read once somebody has said which column is which.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from io import BytesIO
from itertools import islice
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from catalog.admin.previews import FORMAT_CHOICES, SHOWN_ROWS, preview_of
from catalog.importers import (
    InvalidCatalogFile,
    RowResult,
    import_table,
    read_table,
    summarize,
)
from catalog.importers.formats import FORMATS, NO_OPTIONS, CatalogFile, Options, recognize
from catalog.importers.packing import GZIP_MAGIC
from catalog.importers.tables import Record, Table
from catalog.importers.writer import CREATED, FAILED, UNCHANGED, UPDATED
from catalog.messages import Amount, sentence
from catalog.messages.translation import for_storage, translated
from catalog.models import Product, UnconfirmedImport, currency_of, default_currency
from catalog.values import MAX_ADDRESS, InvalidValue, address

MAX_ROWS = 2000  # a person waits while a request imports them
FILES_OF_USER = 3  # that wait for a confirmation
MAX_HEADERS = 300  # to choose from
NOT_CHOSEN = ("", "-")
# The fields whose columns can be chosen, and what the page calls them.
FIELDS = {
    "sku": _("SKU"),
    "name": _("Name"),
    "category": _("Category"),
    "image_url": _("Picture"),
    "price": _("Price"),
    "sale_price": _("Sale price"),
    "currency": _("Currency"),
    # Translators: the address of a product's page in the shop.
    "link": _("Shop page"),
    # Translators: of a product that is shown to shoppers.
    "active": _("Active"),
    "availability": _("Availability"),
    "brand": _("Brand"),
    "group": _("Group of variants"),
    # Translators: the product of which a row has a variant.
    "parent": _("Parent of a variation"),  # these are in WooCommerce's files
    "product_id": _("Shop's own number"),
}
GONE = _("This file was imported already, or a day has passed. Choose it again.")
# How a page calls the rows of each status: before an import, and after it.
PLANNED = {
    # Translators: stands after a number of products.
    CREATED: _("new"),
    # Translators: stands after a number of products that an import would change.
    UPDATED: _("to update"),
    UNCHANGED: _("unchanged"),
    # Translators: stands after a number of rows of a file.
    FAILED: _("with an error"),
}
DONE = PLANNED | {CREATED: _("created"), UPDATED: _("updated")}
SIGNER = TimestampSigner(salt="catalog.admin.imports.options")


class UploadForm(forms.Form):
    import_file = forms.FileField(
        label=_("File"), widget=forms.FileInput({"accept": ".csv,.tsv,.txt,.xlsx,.xml,.rss,.html"})
    )


class OptionsForm(forms.Form):
    """What somebody says about a file, in place of what it says itself or where it is silent."""

    # Translators: of a file.
    format = forms.ChoiceField(label=_("Format"), choices=FORMAT_CHOICES, required=False)
    currency = forms.CharField(
        label=_("Currency"),
        max_length=10,
        required=False,
        help_text=_("The currency of prices that name none, such as EUR."),
    )
    base_url = forms.CharField(
        label=_("Shop's address"),
        max_length=MAX_ADDRESS,
        required=False,
        help_text=_(
            "Completes addresses of pictures and product pages that the file gives without a host, "
            "such as https://shop.example"
        ),
    )

    def __init__(self, table: Table, data: Any = None) -> None:
        super().__init__(data)
        headers = _headers(table)
        for name, label in FIELDS.items():
            column = forms.ChoiceField(label=label, choices=headers, required=False)
            self.fields[f"column-{name}"] = column

    def name_detected(self, file: CatalogFile) -> None:
        """Say which columns were found for the fields where none is chosen."""
        for name in FIELDS.keys() & file.columns.single.keys():
            header = file.table.header[file.columns.single[name][0]]
            column: Any = self.fields[f"column-{name}"]
            # Translators: the column that was found for a field.
            found = gettext("%(column)s (found)") % {"column": header}
            column.choices = [("", found), *column.choices[1:]]

    def clean_currency(self) -> str:
        return _ruled(currency_of, self.cleaned_data["currency"])

    def clean_base_url(self) -> str:
        return _ruled(address, self.cleaned_data["base_url"])

    @property
    def general(self) -> list[forms.BoundField]:
        return [self[name] for name in self.base_fields]

    @property
    def columns(self) -> list[forms.BoundField]:
        return [self[f"column-{name}"] for name in FIELDS]

    @property
    def given(self) -> Options:
        """The options, of a valid form."""
        given = self.cleaned_data
        columns = {name: header for name in FIELDS if (header := given[f"column-{name}"])}
        return Options(given["format"], columns, given["currency"], given["base_url"])


class ConfirmForm(forms.Form):
    """A file that waits, and how it was read when it was shown."""

    import_file_name = forms.CharField(widget=forms.HiddenInput)

    def clean_import_file_name(self) -> dict[str, Any]:
        """The id of the file and the options, from its signed name."""
        signed = self.cleaned_data["import_file_name"]
        try:
            given: dict[str, Any] = SIGNER.unsign_object(signed, max_age=UnconfirmedImport.LIFETIME)
        except BadSignature as error:
            raise forms.ValidationError(GONE) from error
        return given


class ImportsProducts(admin.ModelAdmin):
    """The button "Import" above the list of products, and its pages."""

    class Media:
        css: ClassVar = {"all": ("admin.css",)}

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_import = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        confirm = view(require_POST(self.confirm_view))
        return [
            path("import/", view(self.import_view), name="catalog_product_import"),
            path("process_import/", confirm, name="catalog_product_process_import"),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The form for a file and, once there is one, how it is read and what would change."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, form=UploadForm())
        if "import_file_name" in request.POST:
            file, _ = _waiting(request)
            if file is None:
                return self._gone(request)
            return self._preview(request, file, request.POST)
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            upload = form.cleaned_data["import_file"]
            user: Any = request.user
            file = UnconfirmedImport(user=user, name=upload.name, data=upload.read())
            try:
                return self._preview(request, file)
            except InvalidCatalogFile as error:
                form.add_error("import_file", translated(error))
        return self._page(request, form=form)

    def _preview(
        self, request: HttpRequest, file: UnconfirmedImport, given: Any = None
    ) -> HttpResponse:
        """How a file is read with the options in a form, and what it would change.

        Raises InvalidCatalogFile where no options can help.
        """
        table = _read(bytes(file.data))
        options_form = OptionsForm(table, given)
        context: dict[str, Any] = {"form": UploadForm(), "file": file.name}
        context["options_form"] = options_form
        options = NO_OPTIONS
        if given is None:
            _keep(file)
        elif options_form.is_valid():
            options = options_form.given
        if not options_form.errors:
            try:
                understood = recognize(table, options)
                options_form.name_detected(understood)
                context |= preview_of(understood)
                context["results"] = self._import(request, table, options, dry_run=True)
            except InvalidCatalogFile as error:
                context["problem"] = translated(error)
        signed = SIGNER.sign_object({"file": file.pk, "options": asdict(options)})
        confirm_form = ConfirmForm(initial={"import_file_name": signed})
        context["again_form"] = confirm_form
        if any(each.status in (CREATED, UPDATED) for each in context.get("results", ())):
            context["confirm_form"] = confirm_form
        return self._page(request, **context)

    def confirm_view(self, request: HttpRequest) -> HttpResponse:
        """Import a file as it was shown before, once."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        file, options = _waiting(request)
        # Only one of two confirmations deletes it.
        if file is None or not UnconfirmedImport.objects.filter(pk=file.pk).delete()[0]:
            return self._gone(request)
        try:
            table = _read(bytes(file.data))
            results = self._import(request, table, options, dry_run=False)
        except InvalidCatalogFile as error:
            messages.error(request, translated(error))
            return redirect("admin:catalog_product_import")
        _log(request.user.pk, results, file.name)
        counts = summarize(results).counts
        done = translated(
            sentence(
                # Translators: these are numbers of products.
                "Import finished: %(created)s created, %(updated)s updated, "
                "%(unchanged)s unchanged, %(failed)s failed.",
                **{status: Amount(counts[status]) for status in DONE},
            )
        )
        if not counts[FAILED] and not any(result.sku and result.reason for result in results):
            messages.success(request, done)
            return redirect("admin:catalog_product_changelist")
        messages.warning(request, done)
        return self._page(request, form=UploadForm(), results=results, file=file.name, is_done=True)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, GONE)
        return redirect("admin:catalog_product_import")

    def _import(
        self, request: HttpRequest, table: Table, options: Options, *, dry_run: bool
    ) -> list[RowResult]:
        """Import a table, or see what would change. Raises InvalidCatalogFile."""
        results = import_table(
            table,
            options=options,
            confined=True,
            may_add_categories=request.user.has_perm("catalog.add_category"),
            dry_run=dry_run,
        )
        return list(results)

    def _page(
        self, request: HttpRequest, *, results: Sequence[RowResult] = (), **context: Any
    ) -> TemplateResponse:
        report = summarize(results)
        words = DONE if context.get("is_done") else PLANNED
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Import products"),
            "opts": self.opts,
            "formats": [each.title for each in FORMATS.values()],
            "max_rows": MAX_ROWS,
            "shown_rows": SHOWN_ROWS,
            "default_currency": default_currency(),
            "results": results,
            "report": report,
            "counts": report.counts,
            "told": [(status, report.counts[status], word) for status, word in words.items()],
            "created": [result for result in results if result.status == CREATED],
            "updated": [result for result in results if result.status == UPDATED],
        }
        return TemplateResponse(request, "admin/catalog/product/import.html", context)


def _read(data: bytes) -> Table:
    """The table in a file, which a request can import. Raises InvalidCatalogFile."""
    if data.startswith(GZIP_MAGIC):  # a few kilobytes may unpack to gigabytes
        raise InvalidCatalogFile(
            sentence(
                "The file is compressed. Unpack it and choose it again, or import it with: "
                "python manage.py import_products FILE"
            )
        )
    table = read_table(BytesIO(data))
    if sum(1 for _ in islice(table, MAX_ROWS + 1)) > MAX_ROWS:
        raise InvalidCatalogFile(
            sentence(
                "The file has more than %(most)s rows. "
                "Import larger files with: python manage.py import_products FILE",
                most=Amount(MAX_ROWS),
            )
        )
    return table


def _waiting(request: HttpRequest) -> tuple[UnconfirmedImport | None, Options]:
    """The file that a form names, None if it is gone or somebody else's, and how it was read."""
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return None, NO_OPTIONS
    given = form.cleaned_data["import_file_name"]
    own = UnconfirmedImport.objects.filter(pk=given["file"], user=request.user.pk)
    return own.first(), Options(**given["options"])


def _headers(table: Table) -> list[tuple[str, str]]:
    """The columns of a table to choose from, each with its text in the first row."""
    first = next(iter(table), Record(0, 0))
    cells = dict(zip(first.names or table.header, first.cells, strict=False))
    headers = [NOT_CHOSEN]
    for header in filter(str.strip, table.header[:MAX_HEADERS]):
        text = str(cells.get(header, "")).strip()
        example = f" ({Truncator(text).chars(40)})" if text else ""
        headers.append((header, f"{header}{example}"))
    return headers


def _ruled(rule: Callable[[str], str], text: str) -> str:
    """A text by a rule for values. Raises ValidationError."""
    try:
        return rule(text) if text else ""
    except InvalidValue as error:
        raise forms.ValidationError(translated(error)) from error


def _keep(file: UnconfirmedImport) -> None:
    """Keep a file until it is confirmed. The user's oldest ones go."""
    UnconfirmedImport.objects.expired().delete()
    own = UnconfirmedImport.objects.filter(user=file.user_id)
    older = own.order_by("-pk").values_list("pk", flat=True)[FILES_OF_USER - 1 :]
    own.filter(pk__in=list(older)).delete()
    file.save()


def _log(user_id: Any, results: Iterable[RowResult], name: str) -> None:
    """Note in the history of each product that it came from the file."""
    skus: dict[str, list[str]] = {CREATED: [], UPDATED: []}
    for result in results:
        if result.status in skus:
            skus[result.status].append(result.sku)
    message = for_storage(sentence("Imported from %(file)s.", file=name))
    for status, flag in ((CREATED, ADDITION), (UPDATED, CHANGE)):
        products = Product.objects.filter(sku__in=skus[status]).only("pk", "name")
        LogEntry.objects.log_actions(user_id, products, flag, change_message=message)
