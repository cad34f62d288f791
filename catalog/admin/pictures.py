"""How pictures and their states look in the admin."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.embedding.progress import current_identity, state_of
from catalog.models import EmbeddedPicture


class ShowsPictures:
    """Columns and fields of an admin whose rows have pictures."""

    @admin.display(description="")
    def thumbnail(self, row: EmbeddedPicture) -> SafeString | str:
        return _picture("thumbnail", row.image.thumbnail_url)

    @admin.display(description="now")
    def preview(self, row: EmbeddedPicture) -> SafeString | str:
        return _picture("preview", row.image.thumbnail_url and row.image.url)

    @admin.display(description="picture", ordering="embedding_status")
    def badge(self, row: EmbeddedPicture) -> SafeString:
        """The state, with the reason on hover and for those who listen."""
        state = state_of(row, current_identity())
        return format_html(
            '<span class="state state-{0}" title="{1}">{0}'
            '<span class="visually-hidden">: {1}</span></span>',
            state.name,
            state.reason,
        )

    @admin.display(description="state")
    def state(self, row: EmbeddedPicture) -> SafeString | str:
        """The state, with the reason beside it."""
        if row.pk is None:
            return "-"
        state = state_of(row, current_identity())
        return format_html(
            '<span class="state state-{0}">{0}</span> <span class="reason">{1}</span>',
            state.name,
            state.reason,
        )


def _picture(css_class: str, url: str) -> SafeString | str:
    return format_html('<img class="{}" src="{}" alt="">', css_class, url) if url else "-"
