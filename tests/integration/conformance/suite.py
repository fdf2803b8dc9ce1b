"""The list of tests, and their runs."""

import argparse
import importlib
import os
import sys
import traceback

from .client import Failure, Service

MODULES = ("tables", "entities", "keys", "types", "metadata", "queries", "paging", "limits", "batches",
           "auth", "sas", "errors", "wire", "settings", "cosmos")

all_tests = {}


def test(name, *, only=None):
    """Registers a test of that name, `module: what`, for one mode or for both."""

    def add(function):
        if name in all_tests:
            raise ValueError(f"two tests named {name}")
        all_tests[name] = (only, function)
        return function

    return add


def tests(names, cases, *, only=None):
    """Registers a test for each case, named in `{}`; the function receives the value next to that name."""

    def add(function):
        for name, case in (cases.items() if isinstance(cases, dict) else ((c, c) for c in cases)):
            arguments = case if isinstance(case, tuple) else (case,)
            test(names.format(name), only=only)(lambda s, a=arguments: function(s, *a))
        return function

    return add


def run(service, function):
    """Returns None, or why the test failed."""
    try:
        function(service)
    except Failure as e:
        return str(e)
    finally:
        service.clean_up()


def main():
    parser = argparse.ArgumentParser(prog="conformance_test")
    parser.add_argument("--mode", choices=("storage", "cosmos"), default="storage")
    parser.add_argument("--server", choices=("emulator", "azurite"), default="emulator")
    parser.add_argument("pattern", nargs="?", default="")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    for name in MODULES:
        importlib.import_module(f"conformance.{name}")

    known, unsure, code_names = {}, (), {}
    if options.server == "azurite":
        azurite = importlib.import_module("conformance.azurite")
        known, unsure, code_names = azurite.DIFFERENCES, azurite.UNSURE, azurite.CODE_NAMES
    unknown = sorted({*known, *unsure} - set(all_tests))
    for name in unknown:
        print(f"FAILED {name}: azurite.py lists a test that does not exist")

    service = Service(os.environ["AZKV_CONNECTION_STRING"], options.mode, code_names)
    passed = differ = failed = 0
    for name, (only, function) in all_tests.items():
        if options.pattern not in name or only not in (None, options.mode):
            continue
        try:
            failure = run(service, function)
        except Exception:
            print(f"FAILED {name}: {traceback.format_exc()}")
            failed += 1
            continue
        if failure and (name in known or name in unsure):
            differ += 1
        elif name in known:
            print(f"FAILED {name}: passed, but was known to fail: {known[name]}")
            failed += 1
        elif failure:
            print(f"FAILED {name}: {failure}")
            failed += 1
        else:
            passed += 1
    service.made = service.kept
    service.clean_up()
    print(f"{passed} tests passed, {differ} known differences" + (f", {failed} failed" if failed else ""))
    return 1 if failed or unknown or not passed + differ else 0
