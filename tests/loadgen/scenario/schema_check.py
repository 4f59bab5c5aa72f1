"""Reads JSON documents, one a line, and prints for each `1` when scenarios/schema.json accepts it.

Used by schema_test.cpp, which holds these answers beside the loader's.
"""

import json
import re
import sys

import jsonschema
from jsonschema import validators

schema = json.load(open(sys.argv[1], encoding="utf-8"))


def as_python(wanted):
    """ECMA 262, which JSON Schema names, has `$` for the end alone; Python's is before a last line break too."""
    out, in_class, escaped = "", False, False
    for c in wanted:
        out += r"\Z" if c == "$" and not in_class and not escaped else c
        if not escaped:
            in_class = c == "[" or (in_class and c != "]")
        escaped = c == "\\" and not escaped
    return out


def pattern(_validator, wanted, instance, _schema):
    if isinstance(instance, str) and not re.search(as_python(wanted), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")


jsonschema.Draft7Validator.check_schema(schema)
validator = validators.extend(jsonschema.Draft7Validator, {"pattern": pattern})(schema)
for line in sys.stdin:
    print(1 if validator.is_valid(json.loads(line)) else 0)
