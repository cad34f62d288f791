"""A shop with a name, a logo and a colour of its own: no page names this software."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.server.servers import ROOT

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 60"><path d="M0 0h9v9z"/></svg>'
# Follows every link of a French visitor, then of the staff, and prints what each address answers.
CRAWL = """
import json, re
from html import unescape
import django
django.setup()
from django.contrib.auth.models import User
from django.db import transaction
from django.template.loader import render_to_string
from django.test import Client
from catalog.models import Product
from visualsearch.wsgi import application

IN_WORDS = "text/html", "application/json", "application/vnd.oai.openapi+json"
OTHERS = re.compile("/(media|static)/|/admin/(logout|jsi18n)|/admin/.*[?]")
PUBLIC = "/", "/products/", "/map/", "/map/?list=1", "/api/docs/", "/admin/login/"
WRONG = "/?query=gone", "/nowhere/", "/products/?q=%00", "/api/search/"
SCHEMA = "/api/schema/?format=json"
STAFF = "/admin/", "/admin/catalog/product/import/", "/admin/catalog/feed/add/"
said = {}

def follow(client, paths, most):
    for path in paths:
        if path in said or len(said) >= most or OTHERS.match(path):
            continue
        response = client.get(path)
        kind = response.get("Content-Type", "").partition(";")[0]
        if kind in IN_WORDS and response.content:  # a redirect has none
            said[path] = response.content.decode()
            links = map(unescape, re.findall('href="((?:/|[?])[^"#]*)"', said[path]))
            here = path.partition("?")[0]
            paths += [here + link if link[0] == "?" else link for link in links]

with transaction.atomic():  # other tests use this shop, too
    Product.objects.update(link="https://maison.example/tasse", price="1254.90", sale_price="54.90")
    first = Product.objects.first().pk
    french = {"headers": {"Accept-Language": "fr"}, "SERVER_NAME": "localhost"}
    visitor, staff = Client(**french), Client(**french)
    staff.force_login(User.objects.create_superuser("crawler"))
    follow(visitor, [f"/?query=product-{first}&threshold=0", SCHEMA, *PUBLIC, *WRONG], 28)
    follow(staff, [*STAFF, f"/admin/catalog/product/{first}/change/"], 48)
    transaction.set_rollback(True)
said["500"] = render_to_string("500.html")
environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "REMOTE_ADDR": "127.0.0.1"}
environ |= {"CONTENT_LENGTH": "x", "HTTP_ACCEPT": "text/html", "wsgi.input": None}
said["front"] = b"".join(application(environ, lambda *_: None)).decode()
print(json.dumps(said))
"""
PAGES = (
    "/",
    "/products/",
    "/map/",
    "/api/docs/",
    "/nowhere/",
    "/admin/",
    "/admin/login/",
    "500",
    "front",
)


def test_no_page_says_visualsearch(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text(LOGO)
    branded = {"SHOP_NAME": "Maison Vert", "SHOP_LOGO": str(tmp_path / "logo.svg")}
    branded |= {"SHOP_URL": "https://maison.example/", "SHOP_ACCENT": "#b5179e"}
    branded |= {"DJANGO_SETTINGS_MODULE": "visualsearch.settings"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CRAWL],
        cwd=ROOT,
        env=environment | branded,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout)
    assert len(said) > 45
    for path, body in said.items():
        assert "visualsearch" not in body.lower(), path
        assert not re.search(r"54[.]90(\s|&nbsp;|<[^>]*>)*USD", body), path
    for path in PAGES:
        assert "Maison Vert</title>" in said[path].replace("\n", ""), path
    assert json.loads(said["/api/schema/?format=json"])["info"]["title"] == "Maison Vert"
    assert "efficientnet" not in said["/products/"]
    for path in ("/products/", "/map/?list=1"):
        assert (
            "<s><bdi>1\N{NARROW NO-BREAK SPACE}254,90\N{NO-BREAK SPACE}$US</bdi></s>" in said[path]
        )
        assert "<bdi>54,90\N{NO-BREAK SPACE}$US</bdi>" in said[path]
