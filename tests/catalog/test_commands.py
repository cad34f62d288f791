import os
import socket
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from django.core.management import CommandError, call_command

from catalog.management.commands.prepare import check_port
from catalog.models import EmbeddingStatus, Product
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import FIXTURES, MakeProduct, Picture


def run(*arguments: Any) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def pending(make_product: MakeProduct, picture: Picture) -> None:
    """Five products whose pictures wait."""
    for seed in range(5):
        make_product(image=picture(seed))
    Product.objects.update(embedding_status=EmbeddingStatus.PENDING, embedding=None, embedder="")


@pytest.mark.usefixtures("pending")
class TestBuildEmbeddings:
    def test_embeds_what_waits_and_counts_it(self) -> None:
        assert "5 ready, 0 failed" in run("build_embeddings")
        assert "all pictures are embedded" in run("build_embeddings")

    def test_stops_at_the_limit_and_goes_on_there(self) -> None:
        assert "2 ready" in run("build_embeddings", "--limit", "2", "--batch-size", "1")
        assert "3 ready" in run("build_embeddings", "--limit", "4")

    def test_does_all_again_on_demand(self) -> None:
        run("build_embeddings")
        assert "5 ready" in run("build_embeddings", "--all")

    def test_tells_which_picture_failed_and_why(self) -> None:
        broken = Product.objects.order_by("pk")[3]
        Path(broken.image.path).unlink()
        assert "4 ready, 1 failed" in run("build_embeddings")
        broken.refresh_from_db()
        assert "missing from the storage" in broken.embedding_error

    def test_embeds_again_what_another_network_made(self) -> None:
        run("build_embeddings")
        Product.objects.update(embedder="efficientnet_lite0-00000000")
        assert "5 ready" in run("build_embeddings")

    def test_names_the_command_that_prepares_the_network(
        self, settings: Any, tmp_path: Path
    ) -> None:
        settings.MODEL_DIR = tmp_path
        with pytest.raises(CommandError, match=r"Run: python manage\.py download_model"):
            run("build_embeddings")

    @pytest.mark.parametrize("limit", ["0", "-1", "many"])
    def test_refuses_a_limit_that_is_none(self, limit: str) -> None:
        with pytest.raises(CommandError, match="not a whole number above 0"):
            run("build_embeddings", f"--limit={limit}")


@pytest.mark.django_db
def test_import_products_reports_and_fails_if_a_row_did(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "mug.jpg").write_bytes(picture(1))
    file = tmp_path / "products.csv"
    file.write_text("id,name,category,image_url,price\n1,Mug,Home,mug.jpg,5\n2,Cup,Home,no.jpg,5\n")
    output = StringIO()
    with pytest.raises(CommandError, match="1 row was not imported"):
        call_command("import_products", file, stdout=output, stderr=output)
    assert "1 created, 0 updated, 0 unchanged, 1 failed" in output.getvalue()
    assert "line 3: image_url: There is no file no.jpg" in output.getvalue()


FEED = "id\ttitle\timage_link\tprice\tnotes\n" + "".join(
    f"G-{n}\tMug\t/{n}.jpg\t5.00\tnew\n" for n in range(7)
)


@pytest.mark.django_db
def test_import_products_shows_what_it_understands_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "feed.txt"
    file.write_text(FEED)
    shop = ["--base-url", "https://shop.example", "--map", "brand=notes"]
    said = run("import_products", "--dry-run", str(file), *shop)
    assert "format: Google Merchant or Meta (--format google)" in said
    assert "columns used: id, title, image_link, price, notes" in said
    assert "columns ignored: none" in said
    assert "line 2: G-0 'Mug'; 5.00 USD; Uncategorised; 1 photo" in said
    assert said.count("1 photo") == 5
    assert "7 products have no currency in the file. New ones get USD" in said
    assert "7 created, 0 updated, 0 unchanged, 0 failed" in said
    assert not Product.objects.exists()
    with pytest.raises(CommandError, match="7 rows would not be imported"):
        run("import_products", "--dry-run", str(file))
    with pytest.raises(CommandError, match="lacks name, category, image_url"):
        run("import_products", "--format=products", str(file))


@pytest.mark.django_db
def test_import_products_says_how_to_name_columns(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("Handle,Titel,Variant Price,Variant SKU\na,A,5,a\n")
    with pytest.raises(CommandError, match=r"lacks Title\..* --map FIELD=HEADER"):
        call_command("import_products", path, format="shopify")


@pytest.mark.django_db
def test_import_products_fetches_a_feed(settings: Any) -> None:
    with running_servers() as serve:
        server = serve(http(FEED.encode()))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        assert "7 created" in run("import_products", server.url)
        assert Product.objects.get(sku="G-3").image_url == urljoin(server.url, "/3.jpg")
        server.reply = http(status="404 Not Found")
        with pytest.raises(CommandError, match="The server answered 404"):
            run("import_products", server.url)


@pytest.mark.django_db
def test_import_products_imports_what_is_before_the_fault_of_a_feed(tmp_path: Path) -> None:
    cells = "<id>1</id><title>Mug</title><image_link>//a.example/1</image_link><price>5</price>"
    (tmp_path / "feed").write_text(f"<rss><item>{cells}</item><item>")
    with pytest.raises(CommandError, match=r"ends in line 1, .* Only what is before that was read"):
        run("import_products", str(tmp_path / "feed"))
    assert Product.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("few_copies")
def test_load_demo_fills_an_empty_catalog_and_leaves_a_full_one_alone() -> None:
    assert "50 created" in run("load_demo")
    Product.objects.filter(sku="1").delete()
    assert "created" not in run("load_demo")
    assert Product.objects.count() == 49


class TestDownloadModel:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        """A place of its own, without network and without what Keras may have cached."""
        home = {"HOME": str(tmp_path), "KERAS_HOME": str(tmp_path), "VAR_DIR": str(tmp_path / "v")}
        nowhere = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        return os.environ | home | nowhere | {"EMBEDDER": "mobilenet_v2"}

    def test_says_in_a_sentence_why_weights_are_not_to_be_had(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        done = manage("download_model", environment=environment)
        assert done.returncode == 1
        assert "mobilenet_v2 can't be prepared. Its weights can't be downloaded (" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list((tmp_path / "v").rglob("network.*")), "nothing is left half-written"

    def test_refuses_a_weights_file_that_is_none(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "a.weights.h5").write_bytes(b"no weights")
        environment |= {"MOBILENET_V2_WEIGHTS": str(tmp_path / "a.weights.h5")}
        done = manage("download_model", environment=environment)
        assert done.returncode == 1
        assert "mobilenet_v2 can't be prepared. " in done.stderr
        assert "Traceback" not in done.stderr

    def test_prepares_the_network_and_does_nothing_the_second_time(
        self, environment: dict[str, str]
    ) -> None:
        first = manage(
            "download_model", "--embedder", "efficientnet_lite0", environment=environment
        )
        assert "checking against TensorFlow" in first.stdout
        again = manage(
            "download_model", "--embedder", "efficientnet_lite0", environment=environment
        )
        assert "TensorFlow" not in again.stdout
        assert first.stdout.splitlines()[-1] == again.stdout.strip()


def manage(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603
        [sys.executable, FIXTURES.parent / "manage.py", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestPrepare:
    @pytest.mark.parametrize("port", ["abc", "", "0", "-1", "65536", "8000.5", "²", " 8000"])
    def test_says_what_a_port_is(self, port: str) -> None:
        with pytest.raises(CommandError, match=r"must be a number .* make run PORT="):
            run("prepare", f"--port={port}")

    def test_names_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(CommandError, match=rf"Port {port} is taken\. .*make run PORT="):
                run("prepare", f"--port={port}")
        check_port(str(port))
