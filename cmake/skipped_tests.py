#!/usr/bin/env python3
"""skipped_tests.py JUNIT.xml: names the tests that were skipped for want of something that set-up should have brought; exit code 1 if any."""
import re
import sys
import xml.etree.ElementTree as tree

ALLOWED = re.compile(r"^SKIP: needs (\.\./shared/data|a GPU|AVX2)", re.MULTILINE)
skipped = [case for case in tree.parse(sys.argv[1]).iter("testcase") if case.find("skipped") is not None]
wrong = [case.get("name") for case in skipped if not ALLOWED.search(case.findtext("system-out") or "")]
for name in wrong:
    print(f"{name} was skipped, and may only be for want of ../shared/data, a GPU or AVX2")
sys.exit(1 if wrong else 0)
