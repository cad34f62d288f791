"""Texts that libraries lack in one of our languages; `locale/` has their translations."""

from django.utils.translation import gettext_noop

BORROWED = (
    # Django REST framework
    gettext_noop("Ensure this field has at least {min_length} elements."),
    gettext_noop("Ensure this field has no more than {max_length} elements."),
    gettext_noop("Invalid input."),
    gettext_noop("Must be a valid boolean."),
    gettext_noop("Not a valid string."),
    gettext_noop("Surrogate characters are not allowed: U+{code_point:X}."),
    # django-import-export
    gettext_noop('Select at least 1 field for "%(resource_name)s" to export'),
)
