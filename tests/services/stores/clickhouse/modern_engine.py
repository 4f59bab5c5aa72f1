#!/usr/bin/env python3
"""Runs statements in a current ClickHouse engine, in this process: modern_engine.py DIRECTORY.

DIRECTORY/statements has them, each ended by a line `;;`. Prints the engine's version, then for each query (what begins
with SELECT) its answer as tab-separated lines, followed by `--`. Exits 1 at the first statement that fails.
"""
import sys
from pathlib import Path

from chdb import session


def main():
    directory = Path(sys.argv[1])
    engine = session.Session(str(directory / "engine"))
    print(str(engine.query("SELECT version()", "TabSeparated")).strip())
    for statement in (directory / "statements").read_text().split("\n;;\n"):
        if not statement.strip():
            continue
        try:
            answer = engine.query(statement, "TabSeparated")
        except Exception as failure:  # chdb has no narrower one
            print(f"{statement}\n{failure}", file=sys.stderr)
            return 1
        if statement.startswith("SELECT"):
            print(f"{str(answer).strip()}\n--")
    return 0


if __name__ == "__main__":
    sys.exit(main())
