from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SearchConfig(AppConfig):
    name = "search"
    # Translators: the part of the admin about searches.
    verbose_name = _("Search")

    def ready(self) -> None:
        from search import checks  # noqa: F401, they register themselves
        from search.engines import receivers  # noqa: F401
