"""Files of products, and how staff import and export them in the admin."""

import csv
from io import BytesIO, StringIO
from typing import Any

import openpyxl
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.importers.resources import ProductResource

LIST = "/admin/catalog/product/"
HEADER = ["id", "name", "category", "image_url", "price"]
MUG = ["m1", "Mug", "Home", "", "9.99"]
CSV, XLSX = "0", "1"


def csv_file(*rows: list[str], header: list[str] = HEADER) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def xlsx_file(*rows: list[object], header: list[str] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    output = BytesIO()
    book.save(output)
    return output.getvalue()


def preview(client: Client, data: bytes, name: str = "products.csv") -> Any:
    """The page that says what a file would change."""
    return client.post(f"{LIST}import/", {"import_file": SimpleUploadedFile(name, data)})


def confirm(client: Client, page: Any) -> Any:
    """The page after the import has been confirmed."""
    return client.post(f"{LIST}process_import/", page.context["confirm_form"].initial, follow=True)


def upload(client: Client, data: bytes) -> str:
    """Import a file by both steps; the page after it as text."""
    text: str = confirm(client, preview(client, data)).content.decode()
    return text


def export(client: Client, kind: str = CSV, query: str = "") -> bytes:
    """The exported file."""
    columns = dict.fromkeys(f"productresource_{name}" for name in ProductResource.Meta.fields)
    form = {"format": kind, "resource": "0"} | dict.fromkeys(columns, "on")
    response = client.post(f"{LIST}export/?{query}", form)
    assert response.status_code == 200
    content: bytes = response.content
    return content


def counts(page: Any) -> dict[str, int]:
    """How many rows of a previewed or imported file there are of each status."""
    return {status: count for status, count in page.context["counts"].items() if count}


def reasons(page: Any) -> list[str]:
    """Why rows of a file fail."""
    return [row.reason for row in page.context["report"].failures]
