"""report.html in a real browser: at two widths, light and dark, on paper; names of files and sources that attack it; nothing said on the console."""
import base64
import csv
import pathlib
import random
import shutil
import tempfile
import unittest

import browser as browsers
import program

HOSTILE = ["<script>window.hacked = 1</script>", "\"><img src=x onerror=\"window.hacked=1\">", "</title><h1>gone", "'; drop table--", "&lt;b&gt;", "=cmd|' /C calc'!A0", "\u202eeslaf", "source\twith tab", "x" * 300]


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        draw = random.Random(4)
        with open(cls.folder / "scores.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "label", "score", "source", "group", "video_path"])
            for i in range(400):
                label = i % 2
                source = HOSTILE[i // 2 % len(HOSTILE)] + (" of AI" if label else "")
                rows.writerow([f"{i} {source}", label, min(1, max(0, draw.gauss(.4 + .2 * label, .15))), source, f"g{i // 4}", f"dir/{source}.mp4"])
        program.run(2, "eval", "--scores", cls.folder / "scores.csv", "-o", cls.folder / "report")
        cls.url = (cls.folder / "report" / "report.html").as_uri()

    def open(self, **options):
        browser = browsers.open_browser(**options)
        self.addCleanup(browser.quit)
        return browser

    def look(self, browser, width):
        browsers.resize(browser, width)
        browser.get(self.url)
        self.assertEqual(browsers.said(browser), [])
        wide = browser.execute_script("return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wide')).map(e => e.outerHTML.slice(0, 200))")
        self.assertEqual(wide, [], f"wider than {width} pixels")
        self.assertGreaterEqual(browser.execute_script("return [...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().width > 200).length"), 4)

    def test_widths_and_colours(self):
        browser = self.open()
        for width in (1200, 390):
            self.look(browser, width)
        self.assertEqual(browsers.faults(browser), [])
        light = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        self.look(browser, 1200)
        self.assertNotEqual(browser.execute_script("return getComputedStyle(document.body).backgroundColor"), light)
        self.assertEqual(browsers.faults(browser), [])

    def test_hostile_names(self):
        browser = self.open()
        browser.get(self.url)
        self.assertIsNone(browser.execute_script("return window.hacked"))
        self.assertEqual(browser.execute_script("return document.querySelectorAll('script, img:not(.hardest img), iframe, object, link').length"), 0)
        self.assertEqual(browser.execute_script("return document.querySelectorAll('h1').length"), 1)
        text = browser.execute_script("return document.body.textContent")
        for name in HOSTILE:
            self.assertIn(name, text)
        self.assertEqual(browsers.said(browser), [])

    def test_paper_and_figures(self):
        """Printed it has pages with ink on them; what the summary says is what metrics.json says; each plot has words for those who can't see it."""
        browser = self.open()
        browser.get(self.url)
        paper = base64.b64decode(browser.print_page())
        self.assertTrue(paper.startswith(b"%PDF") and len(paper) > 20000, len(paper))
        metrics = program.read_json(self.folder, "report", "metrics.json")
        summary = browser.execute_script("return document.querySelector('dl').textContent")
        self.assertIn(f"{100 * metrics['roc_auc']:.1f} %", summary)
        self.assertIn(f"{100 * metrics['tpr']:.1f} %", summary)
        self.assertIn(f"{100 * metrics['fpr']:.1f} %", summary)
        described = browser.execute_script("return [...document.querySelectorAll('figure svg')].map(s => s.getAttribute('aria-labelledby').split(' ').every(i => document.getElementById(i).textContent.trim()))")
        self.assertTrue(described and all(described), described)
        for anchor in browser.execute_script("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href').slice(1))"):
            self.assertTrue(browser.execute_script("return document.getElementById(arguments[0])", anchor), anchor)


if __name__ == "__main__":
    unittest.main()
