"""The fields of a search, from a form of the search page or from what another app shares."""

import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict

from search.pages.demo_photos import demo_photo

Fields = MultiValueDict[str, Any]

# An address in a text, without the punctuation that ends the sentence.
ADDRESS = re.compile(r"""https?://[^\s<>"]*[^\s<>"'.,:;!?)\]}…。、،]""", re.IGNORECASE)


def posted_fields(request: HttpRequest) -> Fields:
    """What a form of the search page posts, without empty fields."""
    fields: Fields = request.POST.copy()
    fields.update(request.FILES)
    if photo := demo_photo(fields.pop("sample", [""])[-1]):
        fields["file"] = SimpleUploadedFile(photo.name, photo.read_bytes())
    for name in [name for name, values in fields.lists() if values == [""]]:
        del fields[name]  # a plain form also sends the fields that were left empty
    return fields


def shared_fields(request: HttpRequest) -> Fields:
    """The first picture that was shared, or else the first address; empty if there is neither.

    `search.branding.manifest` names the posted fields. On Android there is none for addresses: apps
    write them in the text, often after some words.
    """
    for file in request.FILES.getlist("file"):
        if file.size:  # browsers that can't share files may send an empty one
            return MultiValueDict({"file": [file]})
    for name in ("url", "text", "title"):
        if found := ADDRESS.search(request.POST.get(name, "")):
            return MultiValueDict({"image_url": [found[0]]})
    return MultiValueDict()
