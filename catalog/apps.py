from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog import checks, tasks  # noqa: F401, they register themselves
        from catalog.pictures import references  # noqa: F401
