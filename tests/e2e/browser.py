"""Debian's Chromium, headless, for tests that look at pages."""
import pathlib

import axe_core_python
from selenium import webdriver

AXE = pathlib.Path(axe_core_python.__file__).parent / "axe.min.js"


def open_browser(dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *(["--force-dark-mode"] if dark else [])):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def resize(browser, width, height=1000):
    """Of the page itself; a window has borders, and a least width."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def said(browser):
    """What the page wrote to the console since it was asked last."""
    return [entry["message"] for entry in browser.get_log("browser")]


def faults(browser):
    """What axe-core finds wrong for those who can't see, or can't use a mouse: (rule, elements)."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
    result = browser.execute_async_script("const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'best-practice']}).then(r => done(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))")
    return [tuple(fault) for fault in result]
