#!/usr/bin/env python3
"""Each rule of rules.py holds for a small sound tree and fails when that tree is broken in one way."""
import tempfile
import unittest
from pathlib import Path

import rules

SOUND = {
    "base/clock.hpp": "#pragma once\n",
    "base/http/parser.hpp": "#pragma once\n#include <string>\n",
    "services/links/link.hpp": '#pragma once\n#include "base/http/parser.hpp"\n',
    "services/stores/sqlite/store.hpp": '#pragma once\n#include "services/links/link.hpp"\n',
    "loadgen/schedule/rate.hpp": "#pragma once\nstruct RateCurve {\n};\n",
    "cli/main.cpp": '#include "services/stores/sqlite/store.hpp"\n#include "loadgen/schedule/rate.hpp"\n',
    "docs/ARCHITECTURE.md": "".join(f"| `{folder}` | text |\n" for folder in (
        "base", "base/http", "services/links", "services/stores/sqlite", "loadgen/schedule", "cli")),
    "docs/FEATURES.md": "".join(f"| {id} | done | `docs/ARCHITECTURE.md` |\n" for id in rules.REQUIREMENTS),
}


class Broken(unittest.TestCase):
    def broken(self, rule, **changes):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**SOUND, **changes}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(rules.RULES[rule](root))

    def test_a_sound_tree_breaks_nothing(self):
        for rule in rules.RULES:
            self.assertEqual(self.broken(rule), [], rule)

    def test_each_wrong_include_is_named(self):
        for path, line in (
                ("base/clock.hpp", '#include "services/links/link.hpp"'),
                ("services/links/link.hpp", '#include "loadgen/schedule/rate.hpp"'),
                ("loadgen/schedule/rate.hpp", '#include "services/links/link.hpp"'),
                ("loadgen/schedule/rate.hpp", '#include "cli/main.hpp"'),
                ("services/links/link.hpp", '#include "services/stores/sqlite/store.hpp"'),
                ("base/http/parser.hpp", "#include <sys/socket.h>"),
                ("loadgen/schedule/rate.hpp", '#include "base/clock.hpp"'),
                ("loadgen/schedule/rate.hpp", "auto now = std::chrono::steady_clock::now();")):
            broken = self.broken("includes", **{path: f"#pragma once\n{line}\n"})
            self.assertEqual(len(broken), 1, (path, line, broken))
            self.assertIn(f"{path}:2:", broken[0])

    def test_the_folder_table_may_neither_lack_nor_invent(self):
        page = SOUND["docs/ARCHITECTURE.md"]
        self.assertEqual(len(self.broken("folders", **{"docs/ARCHITECTURE.md": page.replace("| `cli` | text |\n", "")})), 1)
        self.assertEqual(len(self.broken("folders", **{"docs/ARCHITECTURE.md": page + "| `base/none` | text |\n"})), 1)

    def test_each_style_rule_is_named(self):
        for path, text in (
                ("base/clock.hpp", "int x;\n"),
                ("base/Clock.hpp", "#pragma once\n"),
                ("base/long.cpp", "\n" * (rules.LINES_MAX + 1)),
                ("cli/main.cpp", '#include "store.hpp"\n'),
                ("cli/main.cpp", "class LinkManager {\n"),
                ("cli/main.cpp", "struct LinkData final : Link {\n")):
            self.assertEqual(len(self.broken("style", **{path: text})), 1, (path, text[:40]))

    def test_requirements_are_neither_lost_nor_doubled_nor_invented(self):
        page = SOUND["docs/FEATURES.md"]
        for text in (page.replace("| V1 |", "| none |"), page + "| V1 | again |\n", page + "| V99 | what |\n",
                     page.replace("| V1 | done | `docs/ARCHITECTURE.md`", "| V1 | done | `tests/none_test.cpp`")):
            self.assertEqual(len(self.broken("requirements", **{"docs/FEATURES.md": text})), 1)


if __name__ == "__main__":
    unittest.main()
