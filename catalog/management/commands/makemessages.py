"""Also collects the sentences of code that knows no Django."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """Django's command, which also collects `sentence` and `counted`, and guesses nothing."""

    xgettext_options = [  # noqa: RUF012  # as in Django
        *makemessages.Command.xgettext_options,
        "--keyword=sentence:1",
        "--keyword=counted:1,2",
    ]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]  # noqa: RUF012
