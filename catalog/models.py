"""The catalog: categories, products, photos and feeds, and what saving a picture does."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Count, Exists, Func, OuterRef, Q, TextField, Value
from django.db.models.functions import Concat, StrIndex
from django.db.models.lookups import GreaterThan
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.embedding.columns import (
    NEVER,
    UNREADY,
    EmbeddedPicture,
    EmbeddedQuerySet,
    EmbeddingStatus,
    is_remote,
    pending,
)
from catalog.embedding.progress import STATES
from catalog.messages.translation import translated
from catalog.pictures.references import discard_after_commit
from catalog.tasks import fetch_again, hand_to_workers
from catalog.values import (
    FINAL_SIGMA,
    MARKS,
    MAX_ADDRESS,
    MAX_CATEGORY,
    MAX_GROUP,
    MAX_SKU,
    NO_SALE,
    SIGMA,
    InvalidValue,
    address,
    attributes,
    category_key,
    currency_code,
    identifier,
    is_sale,
    line,
    picture_source,
    plain,
    words,
)

__all__ = [
    "MAX_ID",
    "Availability",
    "Category",
    "EmbeddedPicture",
    "EmbeddedQuerySet",
    "EmbeddingStatus",
    "Feed",
    "FeedRun",
    "Invisible",
    "Product",
    "ProductPhoto",
    "UnconfirmedImport",
    "count_invisible",
    "currency_of",
    "fetch_products_again",
    "findable",
    "has_words",
    "invisible",
]

MAX_ID = 2**63 - 1  # of a BigAutoField
SCHEDULED = Q(refetch_at__isnull=False)
# The columns of a row whose picture has not been fetched yet.
NO_PICTURE: dict[str, Any] = {"image": "", "image_source_digest": ""} | dict.fromkeys(
    ("image_validator", "refetch_at", "refetch_error")
)


class Ruled:
    """Has a model's forms normalize texts by the same rules as files and the API."""

    RULES: ClassVar[Mapping[str, Callable[[str], str]]] = {}  # by field

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        errors: dict[str, Any] = {}
        for name in self.RULES.keys() - set(exclude or ()):
            try:
                setattr(self, name, self.RULES[name](getattr(self, name)))
            except InvalidValue as error:
                if getattr(self, name):  # otherwise the field itself says whether it may be empty
                    errors[name] = [translated(error)]
        try:
            super().clean_fields({*(exclude or ()), *errors})  # type: ignore[misc]  # of Model
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)


class CatalogPicture(Ruled, EmbeddedPicture):
    """An embedded picture whose file, vector and row are kept in step when it is saved."""

    RULES: ClassVar = {"image_url": picture_source}

    # The picture's name when the row was last read or saved: "" if it was neither, None if the
    # picture was deferred. It tells a new picture from an old one in a stale instance.
    stored_name: str | None = ""

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        row = super().from_db(db, field_names, values, **options)
        row.stored_name = row.__dict__.get("image")  # still a string, as the database has it
        return row

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Any] | None = None,
    ) -> None:
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
        if "image" in self.__dict__ and (fields is None or "image" in fields):
            self.stored_name = self.image.name

    def save(
        self,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Save the row; after the commit, hand a new picture to workers and drop the old file.

        An existing row keeps its embedding columns unless `update_fields` names them, because
        workers write them. It also keeps its picture unless this instance was given another one:
        otherwise a stale instance would restore a replaced picture, whose file is gone.
        """
        using = using or router.db_for_write(type(self), instance=self)
        adding = update_fields is None and (self._state.adding or bool(force_insert))
        has_new_picture = adding
        if "image" in self.__dict__:  # otherwise it is deferred
            self.image.store()
            renamed = (self.image.name or "") != self.stored_name
            has_new_picture |= renamed or bool(self.image.in_hand)

        columns: set[str] | None = None  # None saves every column, as for a new row
        if update_fields is not None:
            columns = {*update_fields, "revision"} - self.PICTURE_COLUMNS
        elif not adding:
            columns = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            columns -= self.EMBEDDING_COLUMNS | self.PICTURE_COLUMNS | self.get_deferred_fields()

        with transaction.atomic(using):
            rows = type(self).objects.using(using)
            before = None
            gets_address = "image_url" in (columns or ()) and is_remote(self.image_url)
            if self.pk is not None and (has_new_picture or gets_address):
                # Locked: of two that replace the picture at the same time, the second waits and
                # then discards the file of the first.
                locked = rows.select_for_update().filter(pk=self.pk).order_by("pk")
                before = locked.values_list("image", "image_url").first()
            if before and before[1] != self.image_url and not has_new_picture:
                # The picture came from the old address. The one at the new address is fetched.
                self._set(NO_PICTURE)
                has_new_picture = True
            if has_new_picture:
                # A picture given here is not the one at the address, so it is never fetched again.
                self.refetch_at = NEVER if self.image else None
                self.image_validator = self.refetch_error = None
                if columns is not None:
                    columns |= self.PICTURE_COLUMNS

            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=columns,
            )
            if not has_new_picture:
                return
            self.stored_name = self.image.name or ""
            if before and before[0] != self.stored_name:
                discard_after_commit(before[0], using)
            self.image.confirm_after_commit(using)
            current = Q(embedding_status=EmbeddingStatus.READY, embedding_digest=self.image.digest)
            changes = pending()
            if rows.filter(pk=self.pk).exclude(current).update(**changes):
                self._set(changes)
                if self.image or is_remote(self.image_url):
                    hand_to_workers(self, using=using)

    @classmethod
    def create_all(cls, rows: Sequence[Self]) -> None:
        """`save` for many new rows without a picture, in few statements."""
        waiting = pending()
        for row in rows:
            row._set(waiting)
        cls._default_manager.bulk_create(rows)
        hand_to_workers(*(row for row in rows if is_remote(row.image_url)))

    @classmethod
    def update_all(cls, rows: Iterable[tuple[Self, Collection[str]]]) -> None:
        """`save` for many rows, each with its columns to update, in few statements.

        The rows must be locked since they were read, and none is given a picture. Whoever names
        the column `image_url` has changed it.
        """
        without_picture: list[Self] = []
        groups: dict[frozenset[str], list[Self]] = {}
        waiting = pending()
        for row, names in rows:
            columns = {*names, "revision"}
            if "image_url" in columns and is_remote(row.image_url):
                discard_after_commit(row.stored_name or "")
                row._set(NO_PICTURE | waiting)
                row.stored_name = ""
                columns |= NO_PICTURE.keys() | waiting.keys()
                without_picture.append(row)
            groups.setdefault(frozenset(columns), []).append(row)
        with connection.cursor() as cursor:
            for group, members in groups.items():
                fields: list[Any] = [cls._meta.get_field(name) for name in sorted(group)]
                assignments = ", ".join(f'"{field.column}" = %s' for field in fields)
                # Django's bulk_update takes ten times as long.
                cursor.executemany(
                    f'UPDATE "{cls._meta.db_table}" SET {assignments} WHERE id = %s',  # noqa: S608
                    [(*_stored_values(row, fields), row.pk) for row in members],
                )
        hand_to_workers(*without_picture)

    def _set(self, columns: Mapping[str, Any]) -> None:
        for column, value in columns.items():
            setattr(self, column, value)


def _stored_values(row: models.Model, fields: Iterable[Any]) -> list[Any]:
    """The values of the fields as the database takes them, after what saving does to them."""
    return [field.get_db_prep_save(field.pre_save(row, add=False), connection) for field in fields]


class KeyField(models.CharField):
    """The `category_key` of a category's name; saving the category brings it up to date."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        key = category_key(model_instance.name)
        setattr(model_instance, self.attname, key)
        return key


class Category(Ruled, models.Model):
    """A category. Names with the same key, such as Kitchen and kitchen, are one category."""

    RULES: ClassVar = {"name": line}

    name = models.CharField(_("name"), max_length=MAX_CATEGORY)
    key = KeyField(max_length=MAX_CATEGORY, unique=True, editable=False)

    class Meta:
        ordering = ("name",)
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        twin = Category.objects.filter(key=category_key(self.name)).exclude(pk=self.pk).first()
        if twin:
            sentence = _("There is this category already: %(name)s.")
            raise ValidationError({"name": sentence % {"name": twin.name}})


def default_currency() -> str:
    currency: str = settings.DEFAULT_CURRENCY
    return currency


def currency_of(text: str) -> str:
    """The code of a currency by its code or sign; the shop's own one for a sign of several."""
    return currency_code(text, default=default_currency())


class Availability(models.TextChoices):
    """Whether a product can be bought."""

    IN_STOCK = "in_stock", _("in stock")
    OUT_OF_STOCK = "out_of_stock", _("out of stock")
    PREORDER = "preorder", _("preorder")
    BACKORDER = "backorder", _("backorder")


def validate_attributes(value: Any) -> None:
    """Raises ValidationError unless these are attributes as `catalog.values` keeps them."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValidationError(_('Give texts by name, such as {"size": "M"}.'))
    try:
        kept = attributes(value, rule=identifier)  # they were decoded before
    except InvalidValue as error:
        raise ValidationError(translated(error)) from error
    if kept != value:
        raise ValidationError(_("Names must be in lower case, and texts must not be empty."))


class Product(CatalogPicture):
    RULES: ClassVar = CatalogPicture.RULES | {
        "sku": identifier,
        "name": line,
        "brand": line,
        "group": identifier,
        "currency": currency_of,
        "link": address,
    }

    sku = models.CharField(_("SKU"), max_length=MAX_SKU, unique=True)
    name = models.CharField(_("name"), max_length=200)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="products", verbose_name=_("category")
    )
    price = models.DecimalField(
        _("price"), max_digits=10, decimal_places=2, validators=[MinValueValidator(0)]
    )
    sale_price = models.DecimalField(
        _("sale price"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("What it costs now, where that is less than the price."),
    )
    currency = models.CharField(_("currency"), max_length=3, default=default_currency)
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    # Translators: the variants of one product, such as its sizes, are one group.
    group = models.CharField(
        _("group"),
        max_length=MAX_GROUP,
        blank=True,
        help_text=_("Shared by the variants of one product, such as its sizes."),
    )
    availability = models.CharField(
        _("availability"), max_length=12, choices=Availability, default=Availability.IN_STOCK
    )
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        blank=True,
        validators=[validate_attributes],
        help_text=_('What else describes it, such as {"colour": "red", "size": "M"}.'),
    )
    link = models.URLField(
        _("shop page"),
        max_length=MAX_ADDRESS,
        blank=True,
        help_text=_("The product's page in the shop."),
    )
    active = models.BooleanField(
        pgettext_lazy("product", "active"),
        default=True,
        help_text=_("Shown in the shop and found by search."),
    )
    feed = models.ForeignKey(
        "Feed",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="products",
        verbose_name=_("feed"),
        help_text=_("The feed that keeps this product up to date."),
    )
    # When its feed hid it. A feed shows again only what it has hidden, and hides nothing again that
    # somebody has shown.
    left_feed_at = models.DateTimeField(_("left its feed"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        ordering = ("id",)
        verbose_name = _("product")
        verbose_name_plural = _("products")
        indexes = (
            models.Index(fields=("active", "embedding_status", "embedder", "revision")),
            models.Index(fields=("id", "revision"), name="product_revision"),
            models.Index(fields=("category", "price")),
            # What lists of groups and searches for words read, so that they skip the vectors.
            models.Index(
                fields=("group", "active", "availability", "name", "brand", "sku", "category"),
                name="product_words",
            ),
            models.Index(fields=("image",)),  # which other rows share this file?
            models.Index(fields=("embedding_due_at",), condition=UNREADY, name="product_due"),
            models.Index(fields=("refetch_at",), condition=SCHEDULED, name="product_refetch"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(sale_price__isnull=True) | Q(sale_price__gte=0),
                name="product_sale_price_not_negative",
            ),
            models.CheckConstraint(
                condition=UNREADY | Q(embedding__isnull=False),
                name="product_ready_has_embedding",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def selling_price(self) -> Decimal:
        """What it costs now, by which searches filter and order."""
        return self.price if self.sale_price is None else self.sale_price

    def clean(self) -> None:
        super().clean()
        if None in (self.sale_price, self.price):  # of a price, its field says what is wrong
            return
        if not is_sale(self.selling_price, self.price):
            raise ValidationError({"sale_price": translated(NO_SALE)})

    def get_absolute_url(self) -> str:
        """The product's page in the shop; ABSOLUTE_URL_OVERRIDES names the one on this site."""
        return self.link


class ProductPhoto(CatalogPicture):
    """A further photo of a product, beside `Product.image`."""

    product = models.ForeignKey(
        Product, models.CASCADE, related_name="photos", verbose_name=_("product")
    )
    # Translators: a photo's place in the order of a product's photos.
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("further photo")
        verbose_name_plural = _("further photos")
        ordering = ("product", "position", "id")
        indexes = (
            models.Index(fields=("product", "revision"), name="photo_revision"),
            models.Index(fields=("image",)),
            models.Index(fields=("embedding_due_at",), condition=UNREADY, name="photo_due"),
            models.Index(fields=("refetch_at",), condition=SCHEDULED, name="photo_refetch"),
        )
        constraints = (
            models.CheckConstraint(
                condition=UNREADY | Q(embedding__isnull=False),
                name="photo_ready_has_embedding",
            ),
        )

    def __str__(self) -> str:
        return gettext("Photo %(position)s") % {"position": self.position}


class FeedManager(models.Manager["Feed"]):
    """Defers the uploaded file, so that lists stay cheap."""

    def get_queryset(self) -> models.QuerySet["Feed"]:
        return super().get_queryset().defer("upload")


class Feed(Ruled, models.Model):
    """A file with all products of a shop or of a part of it, which is imported again and again."""

    RULES: ClassVar = {"name": line, "url": address, "currency": currency_of, "base_url": address}
    INTERVALS: ClassVar = (
        (0, _("only when asked")),
        (15, _("every 15 minutes")),
        (60, _("every hour")),
        (360, _("every 6 hours")),
        (1440, _("every day")),
        (10080, _("every week")),
    )

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(
        # Translators: a web address.
        _("address"),
        max_length=MAX_ADDRESS,
        blank=True,
        help_text=_("The http(s) address that the file is fetched from."),
    )
    upload = models.BinaryField(null=True)  # in the database, as other machines import it
    upload_name = models.CharField(max_length=255, blank=True, editable=False)
    user = models.CharField(_("user name"), max_length=200, blank=True)
    password = models.CharField(_("password"), max_length=200, blank=True)
    # Translators: of a file.
    format = models.CharField(_("format"), max_length=40, blank=True)
    # Translators: of a file.
    columns = models.JSONField(_("columns"), default=dict, blank=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        help_text=_("The currency of prices that name none, such as EUR."),
    )
    base_url = models.CharField(
        _("shop's address"),
        max_length=MAX_ADDRESS,
        blank=True,
        help_text=_(
            "Completes addresses of pictures and product pages that the file gives without a host. "
            "If this is empty, the host of the feed's address is used."
        ),
    )
    # In minutes
    # Translators: heads "every day", "every week" and the like.
    interval = models.PositiveIntegerField(_("imported"), choices=INTERVALS, default=1440)
    max_hidden = models.PositiveSmallIntegerField(
        _("safety stop"),
        default=20,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Percent of its products that a run may hide before somebody has to approve it."
        ),
    )
    enabled = models.BooleanField(
        pgettext_lazy("feed", "enabled"), default=True, help_text=_("Imported regularly.")
    )
    next_run_at = models.DateTimeField(
        _("next run"), null=True, default=timezone.now, editable=False, db_index=True
    )

    objects = FeedManager()

    class Meta:
        ordering = ("name",)
        # Translators: a file with all products of a shop, which is imported again and again.
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        constraints = (
            models.CheckConstraint(condition=Q(max_hidden__lte=100), name="feed_max_hidden"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def options(self) -> dict[str, Any]:
        """How its file is read, as `importers.Options` takes it."""
        return {
            "format": self.format,
            "columns": self.columns,
            "currency": self.currency,
            "base_url": self.base_url or (urljoin(self.url, "/") if self.url else ""),
        }


class FeedRun(models.Model):
    """One import of a feed's file: how far it has come, and the report on it."""

    class State(models.TextChoices):
        FETCHING = "fetching", pgettext_lazy("import", "fetching")
        IMPORTING = "importing", pgettext_lazy("import", "importing")
        HIDING = "hiding", pgettext_lazy("import", "hiding what is missing")
        FINISHED = "finished", pgettext_lazy("import", "finished")
        UNCHANGED = "unchanged", pgettext_lazy("import", "nothing new")
        FAILED = "failed", pgettext_lazy("import", "failed")

    feed = models.ForeignKey(Feed, models.CASCADE, related_name="runs")
    state = models.CharField(max_length=10, choices=State, default=State.FETCHING)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    # The right of a process to work on this run, until that time.
    worker = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    stops = models.PositiveSmallIntegerField(default=0)  # of its processes since its last progress
    # What the file is: from where, read how, and how to ask whether it has changed.
    url = models.CharField(max_length=MAX_ADDRESS, blank=True)
    options = models.JSONField(default=dict)
    validator = models.CharField(max_length=160, blank=True)
    size = models.BigIntegerField(default=0)  # bytes; 0 while it is unknown
    done = models.BigIntegerField(default=0)  # bytes fetched, then bytes read
    sales_change_at = models.DateTimeField(null=True)  # when a sale in the file begins or ends
    rows = models.PositiveIntegerField(default=0)  # that are imported
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    hidden = models.PositiveIntegerField(default=0)
    # The first of each, as lists of line, SKU and reason.
    failures = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    problem = models.TextField(blank=True)  # why it failed, or hid nothing
    missing = models.BinaryField(null=True)  # the ids of products to hide, as int64
    missing_count = models.PositiveIntegerField(default=0)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("run of a feed")
        verbose_name_plural = _("runs of feeds")
        default_permissions = ()  # those for the feed hold
        constraints = (
            models.UniqueConstraint(
                fields=("feed",), condition=Q(ended_at=None), name="feed_one_run_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.feed}, {self.started_at:%Y-%m-%d %H:%M}"


class UnconfirmedQuerySet(models.QuerySet["UnconfirmedImport"]):
    def expired(self) -> Self:
        """The files that nobody confirmed in time."""
        return self.filter(uploaded_at__lt=timezone.now() - UnconfirmedImport.LIFETIME)


class UnconfirmedImport(models.Model):
    """A file that somebody has uploaded in the admin and not yet confirmed.

    It is in the database because the confirmation may reach another machine than the upload.
    """

    LIFETIME = timedelta(days=1)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=255)
    data = models.BinaryField()
    uploaded_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = UnconfirmedQuerySet.as_manager()

    class Meta:
        verbose_name = _("unconfirmed import")
        verbose_name_plural = _("unconfirmed imports")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


@receiver(post_delete, sender=Product)
@receiver(post_delete, sender=ProductPhoto)
def discard_file(instance: CatalogPicture, using: str, **_: Any) -> None:
    """Discard a deleted row's file; a signal, as cascades and querysets skip `Model.delete`."""
    discard_after_commit(instance.image.name or "", using)


def fetch_products_again(
    products: "models.QuerySet[Product, Any] | list[int]", *, conditional: bool = False
) -> int:
    """`fetch_again` for the pictures of these products, further photos included."""
    own: EmbeddedQuerySet = Product.objects.filter(pk__in=products)
    photos: EmbeddedQuerySet = ProductPhoto.objects.filter(product__in=products)
    return sum(fetch_again(rows, conditional=conditional) for rows in (own, photos))


class Plain(Func):
    """`catalog.values.plain` in the database."""

    function = "PLAIN"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """The same with PostgreSQL's own functions; its lower case depends on the locale.

        Plain ASCII, which most texts are, takes a tenth of the time of others.
        """
        text = "%(expressions)s"
        folded = f"lower(normalize({text}, NFKD))"
        bare = f"regexp_replace({folded}, '[{MARKS[0]}-{MARKS[-1]}]', '', 'g')"
        template = (
            f"CASE WHEN octet_length({text}) = length({text}) THEN lower({text}) "
            f"ELSE replace({bare}, '{FINAL_SIGMA}', '{SIGMA}') END"
        )
        sql, params = self.as_sql(compiler, connection, template=template, **options)
        return sql, params * template.count(text)


@receiver(connection_created)  # SQLite knows of capitals and accents only what each connection adds
def add_plain(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let SQLite call `plain`."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("PLAIN", 1, plain, deterministic=True)


def has_words(text: str) -> Q:
    """Products with all of these words in name, brand, SKU or category. Raises InvalidValue.

    Neither case nor accents count, and a part of a word is enough.
    """
    columns = ("name", "brand", "sku", "category__name")
    parts = (part for column in columns for part in (Value(" "), column))
    own = Plain(Concat(*parts, output_field=TextField()))
    return Q(*(GreaterThan(StrIndex(own, Value(word)), 0) for word in words(text)))


def has_ready_photo() -> Exists:
    """Products with a further photo that has a vector."""
    ready = ProductPhoto.objects.filter(embedding_status=EmbeddingStatus.READY)
    return Exists(ready.filter(product=OuterRef("pk")))


def findable() -> Q:
    """Products that search can find, by their own picture or by a further photo."""
    return Q(active=True) & (Q(embedding_status=EmbeddingStatus.READY) | Q(has_ready_photo()))


def invisible() -> Q:
    """Active products that search can't find."""
    # Spelled with IN, because SQLite uses no index for "not ready" or for a bare "active".
    unready = (EmbeddingStatus.PENDING, EmbeddingStatus.FAILED)
    return Q(~Q(has_ready_photo()), active__in=(True,), embedding_status__in=unready)


@dataclass(frozen=True)
class Invisible:
    """The number of `invisible` products, by the state of their own picture."""

    missing: int
    failed: int
    pending: int

    @property
    def need_attention(self) -> int:
        """Products that need somebody's attention; the pending ones will become visible."""
        return self.missing + self.failed


def count_invisible() -> Invisible:
    """Count the products that search can't find, in one query."""
    states = ("missing", "failed", "pending")
    counts = {state: Count("pk", filter=STATES[state]) for state in states}
    return Invisible(**Product.objects.filter(invisible()).aggregate(**counts))
