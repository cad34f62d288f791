"""The sections of `benchmarks/RESULTS.md`, each written by the benchmark that measured it."""

import os
import re
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def write_section(name: str, text: str) -> None:
    """Put the text between the section's markers, and leave the others' sections alone."""
    print(text)
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    results = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    if start not in results:
        results += f"\n{start}\n{end}\n"
    before, rest = results.split(start)
    RESULTS.write_text(f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}")


def machine() -> str:
    """What it was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (
        f"{cpu[1] if cpu else 'Unknown processor'}, {os.cpu_count()} cores, {blas['name']} "
        f"{blas['version']}, load of the last five minutes {os.getloadavg()[1]:.1f}."
    )
