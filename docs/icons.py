"""Draws static/icons from static/favicon.svg: `.venv/bin/python docs/icons.py`.

It needs Chromium (elsewhere than in /usr/bin, set CHROMIUM=path).
"""

import os
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

STATIC = Path(__file__).resolve().parent.parent / "static"
ICON = (STATIC / "favicon.svg").read_text()
# Android cuts a maskable icon to a shape of its own: the mark fills the frame, without corners.
MASKABLE = ICON.replace(' rx="9"', "").replace(
    '<g fill="none"', '<g fill="none" transform="translate(3.2 3.2) scale(.8)"'
)
COLOURS = 64  # of each file; there are two, and the shades between them


def main() -> None:
    if "rx=" in MASKABLE or "translate" not in MASKABLE:
        raise SystemExit("favicon.svg has changed in a way that MASKABLE does not expect.")
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page()
        draw(page, "192", 192, ICON)
        draw(page, "512", 512, ICON)
        draw(page, "maskable-512", 512, MASKABLE)
        browser.close()


def draw(page: Page, name: str, side: int, svg: str) -> None:
    page.set_viewport_size({"width": side, "height": side})
    page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{svg}")
    picture = Image.open(BytesIO(page.screenshot(omit_background=True)))
    small = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE)
    small.save(STATIC / "icons" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
