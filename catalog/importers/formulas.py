"""Text that a spreadsheet would take for a formula, made harmless and back again.

A leading apostrophe makes it text (OWASP, "CSV Injection"). What looks escaped already gets one
more, so that every text survives being exported and imported.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escape(text: str) -> str:
    """The text as a spreadsheet may have it."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape(text: str) -> str:
    """What `escape` was given."""
    return text[1:] if _ESCAPED.match(text) else text
