"""Prints what a program sees of its surroundings: one line of JSON, every string as the hexadecimal of its bytes."""

import json
import os
import sys


def spelled(text):
    return os.fsencode(text).hex()


print(
    json.dumps(
        {
            "argv": [spelled(argument) for argument in sys.argv[1:]],
            "cwd": os.getcwdb().hex(),
            "environment": {name.hex(): value.hex() for name, value in os.environb.items()},
            "executable": spelled(sys.executable),
            "prefix": spelled(sys.prefix),
            "path": [spelled(entry) for entry in sys.path],
        }
    )
)
