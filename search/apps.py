from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = pgettext_lazy("part of the admin", "Search")

    def ready(self) -> None:
        from search import checks  # noqa: F401, they register themselves
        from search.engines import receivers  # noqa: F401
