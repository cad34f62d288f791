"""What the worst pictures that the gate accepts cost: CPU seconds and peak memory of opening one.

Each is built in code, and opened in a process of its own: as for a search, and in all detail, as
for a small crop. The limits are 2 s and 400 MB. Usage: benchmarks/request_costs.py [WORD], which
opens only those with that word in their name and writes nothing.
"""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image, ImageFile  # noqa: E402
from report import machine, write_section  # noqa: E402

from catalog.pictures.gate import ImageLimits, InvalidImage, open_image  # noqa: E402

ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]
ImageFile.MAXBLOCK = 2**26  # for what Pillow writes in one piece
SEARCH = 448  # pixels that a search keeps of the shorter side
MOST = 10 * 2**20  # bytes of a file
TITLE = """## What the worst accepted pictures cost

Processor time and peak memory of opening one, by `python benchmarks/request_costs.py`: reduced as
for a search, and in all detail as for a small crop. The limits are 2 s and 400 MB."""
LIMITS = ImageLimits(formats=("JPEG", "PNG", "WebP", "GIF", "AVIF", "HEIF"))


def noise(width: int, height: int, channels: int, *, levels: int = 256) -> Image.Image:
    """Random pixels: a tile of them, repeated, because making them takes long."""
    tile = np.random.default_rng(0).integers(0, levels, (512, 512, channels), dtype=np.uint8)
    pixels = np.tile(tile, (-(-height // 512), -(-width // 512), 1))[:height, :width]
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def encoded(picture: Image.Image, name: str, **options: object) -> bytes:
    output = BytesIO()
    picture.save(output, name, **options)
    return output.getvalue()


def fitting(size: tuple[int, int], channels: int, name: str, **options: object) -> bytes:
    """Noise of the highest quality that makes a file of at most 10 MB, judged by a part of it."""
    mode = "CMYK" if channels == 4 and name == "JPEG" else None
    part = noise(512, 512, channels).convert(mode)
    share = prod(part.size) / prod(size)
    low, high = 1, 95
    while low < high:
        quality = (low + high + 1) // 2
        fits = len(encoded(part, name, quality=quality, **options)) < 0.9 * MOST * share
        low, high = (quality, high) if fits else (low, quality - 1)
    return encoded(noise(*size, channels).convert(mode), name, quality=low, **options)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, depth: int, kind: int, *, interlaced: int = 0, profile: bool = False
) -> bytes:
    """A PNG with the costliest filter (Paeth), and pixels that compress well without being flat."""
    bits = depth * {0: 1, 2: 3, 6: 4}[kind]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    noise = np.random.default_rng(0).bytes(4_096)
    stream, pixels = zlib.compressobj(6), b""
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        length = -(-columns * bits // 8)
        row = b"\4" + (noise * (length // 4_096 + 1))[:length]
        pixels += b"".join(stream.compress(row) for _ in range(rows))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", pixels + stream.flush()), chunk(b"IEND", b"")]
    if profile:
        chunks.insert(1, chunk(b"iCCP", b"ICC\0\0" + zlib.compress(table_profile(b"RGB "))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def table_profile(space: bytes) -> bytes:
    """A profile with the largest table that is accepted."""
    channels, points = {b"RGB ": (3, 110), b"CMYK": (4, 33)}[space]
    random = np.random.default_rng(0)
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    table = b"mft1" + bytes(4) + bytes([channels, 3, points, 0]) + identity
    table += random.bytes(256 * channels + 3 * points**channels + 256 * 3)
    header = struct.pack(">I4sI", 144 + len(table), b"none", 0x04400000) + b"prtr" + space + b"Lab "
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def scanned(data: bytes, scans: int) -> bytes:
    """A progressive JPEG with so many more scans of all components."""
    scan = b"\xff\xda\0\x0c\3\1\0\2\0\3\0\0\0\0"
    return data[:-2] + scan * scans + data[-2:]


LARGE, HALF, PHONE = (8_000, 6_250), (5_000, 5_000), (5_712, 4_284)
RESTS = {"subsampling": 0, "restart_marker_blocks": 1}
FAST = {"enc_params": {"preset": "ultrafast"}}
INPUTS: dict[str, Callable[[], bytes]] = {
    "JPEG, noise": lambda: fitting(LARGE, 3, "JPEG", subsampling=0),
    "JPEG, 25 megapixels of noise": lambda: fitting(HALF, 3, "JPEG", subsampling=0),
    "JPEG, progressive": lambda: fitting(LARGE, 3, "JPEG", subsampling=0, progressive=True),
    "JPEG, progressive, 25 megapixels": lambda: fitting(
        HALF, 3, "JPEG", subsampling=0, progressive=True
    ),
    "JPEG, more scans": lambda: scanned(
        fitting(LARGE, 3, "JPEG", subsampling=0, progressive=True), 2
    ),
    "JPEG, restarts": lambda: encoded(Image.new("RGB", LARGE), "JPEG", **RESTS),
    "JPEG, CMYK with a table": lambda: fitting(
        (4_000, 3_990), 4, "JPEG", icc_profile=table_profile(b"CMYK")
    ),
    "JPEG, progressive CMYK": lambda: fitting(
        (8_000, 5_000), 4, "JPEG", subsampling=0, progressive=True
    ),
    "JPEG without its end": lambda: fitting(LARGE, 3, "JPEG", subsampling=0, progressive=True)[:-2],
    "PNG, RGBA": lambda: png(7_400, 5_000, 8, 6),
    "PNG, RGBA, interlaced": lambda: png(7_400, 5_000, 8, 6, interlaced=1),
    "PNG, RGBA, 16 bits": lambda: png(5_000, 4_350, 16, 6),
    "PNG, RGBA, 16 bits, interlaced": lambda: png(5_000, 4_350, 16, 6, interlaced=1),
    "PNG, RGB with a table": lambda: png(8_000, 5_680, 8, 2, profile=True),
    "PNG, RGBA with a table": lambda: png(6_000, 5_150, 8, 6, profile=True),
    "PNG, RGBA with a table, 16 megapixels": lambda: png(4_000, 4_000, 8, 6, profile=True),
    "PNG, grey, 16 bits": lambda: png(*LARGE, 16, 0),
    "PNG, one bit": lambda: png(*LARGE, 1, 0),
    "GIF, flat": lambda: encoded(Image.new("P", LARGE), "GIF"),
    "GIF, noise": lambda: encoded(noise(*LARGE, 1, levels=2).convert("P"), "GIF"),
    "WebP, lossless, flat": lambda: encoded(
        Image.new("RGBA", PHONE, "#12345678"), "WEBP", lossless=True, method=0
    ),
    "WebP, lossless": lambda: encoded(noise(*PHONE, 3, levels=2), "WEBP", lossless=True, method=0),
    "WebP": lambda: fitting(PHONE, 3, "WEBP", method=0),
    "WebP with transparency": lambda: fitting(PHONE, 4, "WEBP", alpha_quality=10, method=0),
    "WebP with a table": lambda: fitting(
        PHONE, 3, "WEBP", method=0, icc_profile=table_profile(b"RGB ")
    ),
    "AVIF": lambda: fitting(PHONE, 3, "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF with transparency": lambda: fitting((5_000, 4_450), 4, "AVIF", speed=10),
    "HEIF": lambda: fitting(PHONE, 3, "HEIF", **FAST),
    "HEIF with transparency": lambda: fitting((4_900, 3_400), 4, "HEIF", **FAST),
}


def measure(path: str, at_least: str) -> None:
    """Print what opening the file costs this process."""
    data = Path(path).read_bytes()
    before, started = peak(), process_time()
    try:
        width, height = open_image(data, limits=LIMITS, at_least=int(at_least) or None).size
        said = f"{width} x {height}"
    except InvalidImage as error:
        said = str(error)
    print(f"{process_time() - started:.2f} s | {peak() - before:.0f} MB | {said}")


def peak() -> float:
    """The most memory that this process has had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def main(word: str = "") -> None:
    rows = ["| picture | file | search | | in detail | |", "|---|---|---|---|---|---|"]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1048576"}  # as the Makefile has it
    for name, build in INPUTS.items():
        if word not in name:
            continue
        with NamedTemporaryFile() as file:
            file.write(build())
            file.flush()
            costs = []
            for at_least in (SEARCH, 0):
                command = [sys.executable, __file__, "--measure", file.name, str(at_least)]
                done = subprocess.run(  # noqa: S603
                    command, capture_output=True, text=True, check=True, env=environment
                )
                *cost, said = done.stdout.strip().split(" | ")
                costs += cost if " x " in said else [said, ""]
            size = f"{Path(file.name).stat().st_size / 1e6:.1f} MB"
        rows.append(f"| {name} | {size} | {' | '.join(costs)} |")
        if word:
            print(rows[-1], flush=True)
    if not word:
        text = "\n".join([TITLE, "", machine(), "", *rows])
        write_section("request costs", text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
