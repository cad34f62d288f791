"""The pages of feeds: their list and form, a test of how one is read, and reports on runs."""

from tempfile import TemporaryFile
from time import monotonic
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from catalog.admin.lists import BoundedLists
from catalog.admin.previews import FORMAT_CHOICES, SHOWN_ROWS, preview_of
from catalog.feeds.hiding import NotApproved, approve
from catalog.feeds.reports import failed_pictures, with_last_runs
from catalog.feeds.running import not_stored, store
from catalog.feeds.tasks import run_soon
from catalog.feeds.turns import is_in_work
from catalog.fetching.fetcher import FetchError, host_names
from catalog.files import watched
from catalog.importers import InvalidCatalogFile, Options, read_table, recognize
from catalog.messages import Amount, counted, sentence
from catalog.messages.translation import translated
from catalog.models import Feed, FeedRun
from catalog.values import InvalidValue, address

SHOWN_RUNS = 20
SECONDS_OF_TEST = 20.0  # a person waits
COLUMNS_HELP = _("Only where a column is not found by itself: one in each line, such as name=Nom.")
TIME = "Y-m-d H:i"
# What a run did with products, as its report counts them.
COUNTED = {
    # Translators: stands after a number of products, as do "updated", "unchanged" and "hidden".
    "created": _("created"),
    "updated": _("updated"),
    # Translators: stands after a number of products.
    "unchanged": _("unchanged"),
    # Translators: stands after a number of products.
    "hidden": _("hidden"),
    "failed": _("failed"),
}


class ColumnsField(forms.CharField):
    """Headers by field, written as `name=Nom`, one in each line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}={header}" for name, header in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        lines = [text for text in (value or "").splitlines() if text.strip()]
        try:
            return dict(Options.of(columns=lines).columns)
        except InvalidCatalogFile as error:
            raise forms.ValidationError(translated(error)) from error


class FeedForm(forms.ModelForm):
    """The password is never shown; a feed that moves to another host does not take it along."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        help_text=_("Instead of an address: it is imported once."),
    )
    # Translators: of a file.
    format = forms.ChoiceField(label=_("Format"), choices=FORMAT_CHOICES, required=False)
    columns = ColumnsField(
        # Translators: of a file.
        label=_("Columns"),
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=COLUMNS_HELP,
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    class Meta:
        model = Feed
        fields = (
            "name", "url", "file", "user", "password", "format", "columns", "currency", "base_url",
            "interval", "max_hidden", "enabled",
        )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["password"] = ""
        if self.instance.password:
            self.fields["password"].help_text = _(
                "There is one, which is kept if this is empty. It goes with the user name."
            )
        if self.instance.upload_name:
            # Translators: the file that a feed has at present.
            text = gettext("Now: %(file)s.")
            # The admin takes help texts for HTML.
            self.fields["file"].help_text = text % {"file": escape(self.instance.upload_name)}

    def clean_password(self) -> str:
        given: str = self.cleaned_data["password"]
        return given or (self.cleaned_data.get("user") and self.instance.password) or ""

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            url = address(url) if url else ""
            self.hosts = set(host_names(url)) if url else set()
        except InvalidValue as error:
            raise forms.ValidationError(translated(error)) from error
        except FetchError as error:
            problem = sentence(
                "%(problem)s User name and password have fields of their own.", problem=error
            )
            raise forms.ValidationError(translated(problem)) from error
        return url

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "url" not in given:
            return given
        old_url, is_kept = self.instance.url, given.get("password") and not self.data["password"]
        if is_kept and old_url and given["url"] and self.hosts != set(host_names(old_url)):
            self.add_error("password", _("The address has another host. Give its password."))
        if given["url"] and given.get("file"):
            self.add_error("file", _("Give an address or a file, not both."))
        elif not given["url"] and not given.get("file") and not self.instance.upload_name:
            self.add_error("url", _("Give an address, or a file."))
        return given


@admin.register(Feed)
class FeedAdmin(BoundedLists, admin.ModelAdmin):
    form = FeedForm
    list_display = ("name", "state", "last", "next_run_at", "interval", "enabled")
    search_fields = ("name",)
    change_form_template = "admin/catalog/feed/change_form.html"
    fieldsets = (
        (None, {"fields": ("name", "url", "file", ("user", "password"), "interval", "enabled")}),
        # Translators: of a file.
        (_("How it is read"), {"fields": ("format", "columns", "currency", "base_url")}),
        # Translators: products that are no longer in a file.
        (_("What is missing"), {"fields": ("max_hidden",)}),
    )

    class Media:
        css: ClassVar = {"all": ("admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feed]:
        return with_last_runs()

    @admin.display(description=_("state"))
    def state(self, feed: Any) -> SafeString:
        problem = feed.last_problem or feed.unapproved
        if is_in_work(feed):
            # Translators: the state of a feed that is being imported.
            return _badge("pending", gettext("running"))
        if problem:
            return _badge("failed", gettext("needs attention"), problem)
        if feed.last_run:
            # Translators: the state of a feed without problems.
            return _badge("ready", gettext("fine"))
        # Translators: the state of a feed that was never imported.
        return _badge("outdated", gettext("not run yet"))

    @admin.display(description=_("last run"))
    def last(self, feed: Any) -> SafeString | str:
        run = feed.runs.filter(pk=feed.last_run).first()
        return "-" if run is None else _link(run)

    def save_model(self, request: HttpRequest, obj: Feed, form: Any, change: bool) -> None:
        """Save the feed, which runs soon if anything of it has changed."""
        upload = form.cleaned_data.get("file")
        if upload:
            obj.upload, obj.upload_name = upload.read(), upload.name
        elif obj.url:
            obj.upload, obj.upload_name = None, ""
        if form.changed_data:
            obj.next_run_at = timezone.now() if obj.enabled else None
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        approve_view = view(require_POST(self.approve_view))
        return [
            path("<int:pk>/run/", view(require_POST(self.run_view)), name="catalog_feed_run"),
            path("<int:pk>/test/", view(require_POST(self.test_view)), name="catalog_feed_test"),
            path("<int:pk>/runs/<int:run>/", view(self.report_view), name="catalog_feed_report"),
            path("<int:pk>/runs/<int:run>/approve/", approve_view, name="catalog_feed_approve"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with the feed's last runs."""
        runs = FeedRun.objects.filter(feed=int(object_id)) if object_id.isdecimal() else ()
        context = {
            "runs": runs[:SHOWN_RUNS],
            "count_words": COUNTED.values(),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Run the feed now."""
        feed = self._feed(request, pk, change=True)
        run = run_soon(feed)
        if run and run.ended_at is None:
            messages.warning(
                request,
                _("It takes longer than a page may. To go on, run: python manage.py sync_feeds"),
            )
        if run:
            return redirect("admin:catalog_feed_report", feed.pk, run.pk)
        text = sentence("A worker runs %(feed)s as soon as one is free.", feed=feed.name)
        messages.success(request, translated(text))
        return redirect("admin:catalog_feed_change", feed.pk)

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Fetch the file and show how it is read; nothing is imported."""
        feed = self._feed(request, pk, change=True)
        # Translators: fetches a feed's file and shows how it is read.
        title = sentence("Test of %(feed)s", feed=feed.name)
        context: dict[str, Any] = {"title": translated(title)}
        end = monotonic() + SECONDS_OF_TEST

        def check_time(*_: int) -> None:
            if monotonic() > end:
                raise FetchError(
                    sentence("Fetching and reading the file takes too long for a test.")
                )

        try:
            with TemporaryFile() as file:
                store(feed, file, on_read=check_time)
                table = read_table(watched(file, check_time))
                context |= preview_of(recognize(table, Options(**feed.options)))
        except (FetchError, InvalidCatalogFile) as error:
            context["problem"] = translated(error)
        except OSError as error:
            context["problem"] = translated(not_stored(error))
        return self._page(request, feed, "admin/catalog/feed/test.html", context)

    def report_view(self, request: HttpRequest, pk: int, run: int) -> HttpResponse:
        """The report on a run; while it is in work, the page asks again."""
        feed = self._feed(request, pk, change=False)
        shown = get_object_or_404(feed.runs, pk=run)
        pictures, count = failed_pictures(feed, SHOWN_ROWS)
        last = feed.runs.filter(state=FeedRun.State.FINISHED).first()
        # Translators: an import of a feed's file.
        title = sentence("Run of %(feed)s on %(time)s", feed=feed.name, time=_written(shown))
        context = {
            "title": translated(title),
            "run": shown,
            "counts": [(name, getattr(shown, name), word) for name, word in COUNTED.items()],
            "percent": min(100, 100 * shown.done // shown.size) if shown.size else None,
            "may_approve": shown == last and shown.missing is not None and not shown.approved_at,
            "pictures": pictures if shown.pk == feed.runs.values_list("pk", flat=True)[0] else [],
            "picture_count": count,
        }
        return self._page(request, feed, "admin/catalog/feed/report.html", context)

    def approve_view(self, request: HttpRequest, pk: int, run: int) -> HttpResponse:
        """Hide what the run has found missing."""
        feed = self._feed(request, pk, change=True)
        user: Any = request.user
        try:
            count = approve(get_object_or_404(feed.runs, pk=run), user.pk)
        except NotApproved as error:
            messages.error(request, str(error))
        else:
            done = counted(
                "%(number)s product is hidden now.",
                "%(number)s products are hidden now.",
                Amount(count),
            )
            messages.success(request, translated(done))
        return redirect("admin:catalog_feed_report", pk, run)

    def _feed(self, request: HttpRequest, pk: int, *, change: bool) -> Feed:
        may = self.has_change_permission if change else self.has_view_permission
        if not may(request):
            raise PermissionDenied
        return get_object_or_404(Feed, pk=pk)

    def _page(
        self, request: HttpRequest, feed: Feed, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "feed": feed,
            "may_change": self.has_change_permission(request),
        }
        return TemplateResponse(request, template, context)


def _written(run: FeedRun) -> str:
    """When a run began."""
    return date_format(timezone.localtime(run.started_at), TIME)


def _badge(kind: str, word: str, reason: str = "") -> SafeString:
    return format_html('<span class="state state-{}" title="{}">{}</span>', kind, reason, word)


def _link(run: FeedRun) -> SafeString:
    url = reverse("admin:catalog_feed_report", args=(run.feed_id, run.pk))
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, _written(run))
