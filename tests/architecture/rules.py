#!/usr/bin/env python3
"""The rules of the house that no compiler checks. `rules.py RULE ROOT` prints what breaks RULE and exits 1.

includes      arrows point one way: cli -> {loadgen, services} -> base; pure folders touch no system; only cli sees stores
folders       the folder table of docs/ARCHITECTURE.md names the folders that are there, and no other
style         names, `#pragma once`, includes from the root, file length
requirements  docs/FEATURES.md has one row for each requirement, and the files its rows name exist
"""
import re
import sys
from pathlib import Path

LAYERS = {
    "base": {"base"},
    "services": {"services", "base"},
    "loadgen": {"loadgen", "base"},
    "cli": {"cli", "loadgen", "services", "base"},
}
# State machines that are handed bytes, events and the time; they do no input or output and read no clock.
PURE = ["base/http", "base/stats", "loadgen/scenario", "loadgen/schedule", "loadgen/record", "loadgen/fleet/protocol",
        "loadgen/search", "loadgen/planner",
        "services/stores/redis/protocol"]
IMPURE_HEADER = re.compile(
    r"sys/|netinet/|arpa/|unistd\.h|fcntl\.h|poll\.h|fstream|iostream|filesystem|thread|"
    r"boost/asio|boost/beast|openssl/|base/net/|base/clock\.hpp|base/cpu\.hpp|base/log\.hpp")
IMPURE_CALL = re.compile(r"_clock::now\(|\b(monotonic_ns|wall_ms|getenv|clock_gettime|gettimeofday|fopen)\(|::open\(|std::time\(")
BANNED_ENDING = re.compile(r"\b(?:class|struct)\s+(\w*(?:Impl|Manager|Helper|Utils|Data))\b\s*(?:final\s*)?[:{;]")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
LINES_MAX = 500
REQUIREMENTS = [f"{letter}{n}" for letter, last in
                (("V", 15), ("S", 13), ("L", 13), ("M", 8), ("E", 8), ("B", 10)) for n in range(1, last + 1)]


def sources(root, layers):
    """(path below root, its lines) of every C++ file in the given top folders."""
    for layer in layers:
        for path in sorted((root / layer).rglob("*.[ch]pp")):
            yield path.relative_to(root).as_posix(), path.read_text().splitlines()


def included(lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def check_includes(root):
    for path, lines in sources(root, LAYERS):
        layer = path.split("/")[0]
        pure = any(path.startswith(folder + "/") for folder in PURE)
        for number, _, header in included(lines):
            top = header.split("/")[0]
            if top in LAYERS and top not in LAYERS[layer]:
                yield f"{path}:{number}: {layer} must not know {top}: {header}"
            if header.startswith("services/stores/") and layer == "services" and not path.startswith("services/stores/"):
                yield f"{path}:{number}: only cli knows which store is in use: {header}"
            if pure and IMPURE_HEADER.match(header):
                yield f"{path}:{number}: a pure folder includes {header}"
        if pure:
            for number, line in enumerate(lines, 1):
                if IMPURE_CALL.search(line.split("//")[0]):
                    yield f"{path}:{number}: a pure folder asks the system: {line.strip()}"


def check_folders(root):
    there = {str(Path(path).parent) for path, _ in sources(root, LAYERS)}
    page = (root / "docs/ARCHITECTURE.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_/]+)`", page, re.M))
    for folder in sorted(there - listed):
        yield f"docs/ARCHITECTURE.md: the folder table lacks {folder}"
    for folder in sorted(listed - there):
        yield f"docs/ARCHITECTURE.md: the folder table names {folder}, which holds no code"


def check_style(root):
    for path, lines in sources(root, [*LAYERS, "tests"]):
        if not re.fullmatch(r"[a-z0-9_/]+\.[ch]pp", path):
            yield f"{path}: file names are snake_case"
        if path.endswith(".hpp") and "#pragma once" not in lines[:3]:
            yield f"{path}: begins without #pragma once"
        if len(lines) > LINES_MAX:
            yield f"{path}: {len(lines)} lines; a file is about one thing"
        for number, system, header in included(lines):
            if not system and not (root / header).exists() and header != "base/version.hpp":
                yield f'{path}:{number}: includes start at the root: "{header}"'
        for number, line in enumerate(lines, 1):
            match = BANNED_ENDING.search(line)
            if match:
                yield f"{path}:{number}: {match.group(1)}: a class is named for what differs"


def check_requirements(root):
    page = root / "docs/FEATURES.md"
    rows = re.findall(r"^\| ([VSLMEB]\d+) \|(.*)$", page.read_text(), re.M)
    ids = [row[0] for row in rows]
    for wanted in REQUIREMENTS:
        if ids.count(wanted) != 1:
            yield f"docs/FEATURES.md: {wanted} has {ids.count(wanted)} rows, should have one"
    for unknown in sorted(set(ids) - set(REQUIREMENTS)):
        yield f"docs/FEATURES.md: there is no requirement {unknown}"
    for row, text in rows:
        for name in re.findall(r"`((?:tests|docs|scenarios|scripts|deploy)/[\w./-]+)`", text):
            if not (root / name).exists():
                yield f"docs/FEATURES.md: {row} names {name}, which is not there"


RULES = {"includes": check_includes, "folders": check_folders, "style": check_style, "requirements": check_requirements}


def main():
    broken = list(RULES[sys.argv[1]](Path(sys.argv[2])))
    print("\n".join(broken) if broken else f"{sys.argv[1]}: ok")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
