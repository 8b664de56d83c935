"""The page of desy serve in a real browser: a video from its upload to the verdict, the timeline, every error in words, what the browser remembers; for all eyes, hands and widths."""
import json
import pathlib
import shutil
import tempfile
import time
import unittest

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import browser as browsers
import hostile
import program
from service import Service

HOSTILE = ["<img src=x onerror=window.hacked=1>.mp4", "\u202e4pm.exe", "'; window.hacked=1; '.mp4", "&lt;b&gt;.mp4", "n" * 240 + ".mp4"]

# In place of the network, for POST /feedback: keeps the form and answers with window.status.
STAND_IN = """
window.sent = [];
const {open, send} = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.open = function (method, path, ...more) { this.path = path; open.call(this, method, path, ...more); };
XMLHttpRequest.prototype.send = function (form) {
  if (this.path !== '/feedback') return send.call(this, form);
  sent.push([...form].map(([name, value]) => [name, value instanceof File ? `${value.name} ${value.size}` : value]));
  Object.defineProperties(this, {status: {value: window.status}, responseText: {value: JSON.stringify(window.status < 300 ? {id: 'x'} : {detail: 'No room.'})}});
  this.dispatchEvent(new Event('load'));
};
"""


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.clip = cls.folder / "clip.mp4"
        hostile.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", 6, *hostile.X264, cls.clip)
        cls.short = cls.folder / "short.mp4"
        hostile.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", 2, *hostile.X264, cls.short)
        cls.words = cls.folder / "words.mp4"
        cls.words.write_text("These are words.\n")
        cls.result = json.loads(program.run(1, "detect", cls.clip, "--json", "--explain")[0])
        cls.service = cls.enterClassContext(Service("--workers", 1, "--max-upload", "2M"))
        cls.browser = browsers.open_browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        browsers.resize(self.browser, 1200)
        self.open(self.service)
        self.browser.execute_script("localStorage.clear()")
        self.open(self.service)

    def open(self, service):
        self.browser.get(service.url)
        self.until("return document.getElementById('limits').textContent.includes('at most')")
        self.js("window.saids = []; new MutationObserver(() => saids.push(document.getElementById('said').textContent)).observe(document.getElementById('said'), {childList: true})")
        browsers.said(self.browser)

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def until(self, script, seconds=60):
        return WebDriverWait(self.browser, seconds, .05).until(lambda browser: browser.execute_script(script))

    def choose(self, *paths):
        self.browser.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))

    def settled(self, count):
        """[state, words] of each video in the list, once none is under way."""
        return self.until("const rows = [...document.querySelectorAll('#items li')]; return rows.length == %d && rows.every(r => !['waiting', 'working'].includes(r.dataset.state))"
                          " && rows.map(r => [r.dataset.state, r.querySelector('.words').textContent])" % count)

    def text(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def verdict_of(self, **changes):
        return self.browser.execute_async_script("const [result, done] = arguments; import('/page/verdict.js').then(m => done(m.verdictOf(result)))", {**self.result, **changes})

    def percent(self, probability):
        return f"{100 * probability:.1f} %"

    def test_verdict(self):
        """What the page says is what desy detect says of the same file."""
        self.choose(self.clip)
        [[state, words]] = self.settled(1)
        self.assertEqual(state, "done")
        result = self.result
        for told in (words, self.text("#result .claim")[0], *self.text("#past li")):
            self.assertIn(self.percent(result["confidence"]), told)
        self.assertEqual(self.text("#result .title"), [self.verdict_of()["title"]])
        self.assertEqual(self.text("#result-title"), ["clip.mp4"])
        self.assertEqual(self.text("#result .figure"), [self.percent(result["feature_scores"][level]) for level in ("low", "mid", "high")])
        self.assertEqual(self.text("#result .reasons li"), result["explanation"]["words"])
        self.assertEqual(self.text("#result td:last-child"), [self.percent(window["score"]) for window in result["timeline"]])
        self.assertEqual("notes" in self.js("return document.querySelector('#result .verdict').innerHTML"), result["reliability"] != "ok")
        saids = self.js("return saids")
        self.assertTrue("clip.mp4: uploading." in saids and saids[-1] == f"clip.mp4: {words}", saids)
        self.assertEqual(self.js("return document.querySelectorAll('form.feedback').length"), 0, "there is no --feedback")
        self.assertEqual(browsers.said(self.browser), [])

    def test_never_more_than_known(self):
        """Without a verdict, a hold or a calibration the page neither gives a verdict nor odds, and says why."""
        plain = self.verdict_of(is_ai_generated=True, confidence=.93, threshold=.78, calibrated=True, reliability="ok")
        self.assertEqual((plain["side"], plain["title"], plain["warnings"]), ("ai", "Probably AI-generated", []))
        self.assertIn("of 100 videos with this score, about 93 would be", plain["claim"])
        for changes, title, why in (({"is_ai_generated": None, "abstain_reason": "static: nothing moves", "reliability": "static: nothing moves"}, "Can’t say", "nothing moves"),
                                    ({"reliability": "black: 9 of 16 frames show next to nothing"}, "Unreliable", "black"), ({"calibrated": False}, "Scored as", "not calibrated")):
            found = self.verdict_of(**{"is_ai_generated": True, "confidence": .93, "threshold": .78, "calibrated": True, "reliability": "ok", **changes})
            self.assertTrue(found["title"].startswith(title) and why in " ".join(found["warnings"]), found)
            self.assertNotRegex(found["title"] + found["claim"], "Probably|of 100 videos")
        found = self.verdict_of(is_ai_generated=False, confidence=.6, reliability="undecided: as near to the threshold as this")
        self.assertEqual((found["side"], found["title"]), ("unsure", "Undecided"))
        found = self.verdict_of(is_ai_generated=False, confidence=.7, threshold=.78, calibrated=True, reliability="ok")
        self.assertEqual((found["side"], found["title"]), ("unsure", "Not clear enough to be called AI-generated"))
        self.assertIn("more than 99 would", self.verdict_of(is_ai_generated=True, confidence=.9999, calibrated=True, reliability="ok")["claim"])

    def time(self):
        return self.js("return document.querySelector('#result video').currentTime")

    def test_timeline(self):
        """A click, the keys and the buttons go where the windows are."""
        windows = self.result["timeline"]
        self.assertEqual(len(windows), 3)
        self.choose(self.clip)
        self.settled(1)
        self.until("return document.querySelector('#result video').readyState >= 1")
        slider = self.browser.find_element(By.CSS_SELECTOR, "[role=slider]")
        ActionChains(self.browser).scroll_to_element(slider).move_to_element_with_offset(slider, slider.size["width"] // 4, 0).click().perform()
        self.assertAlmostEqual(self.time(), .75 * 6, delta=.1)
        self.assertEqual(slider.get_attribute("aria-valuenow"), "3")
        self.assertIn(self.percent(windows[2]["score"]), slider.get_attribute("aria-valuetext"))
        for key, window in ((Keys.HOME, 0), (Keys.ARROW_RIGHT, 1), (Keys.END, 2), (Keys.ARROW_RIGHT, 2), (Keys.ARROW_LEFT, 1)):
            slider.send_keys(key)
            self.assertAlmostEqual(self.time(), windows[window]["start"], delta=.01)
            self.assertEqual(slider.get_attribute("aria-valuenow"), str(window + 1))
        bars = self.js("const box = document.querySelector('.timeline').getBoundingClientRect(); return [...document.querySelectorAll('.part')].map(p => p.getBoundingClientRect()).map(p => [(p.left - box.left) / box.width, p.height / box.height])")
        for (left, height), window in zip(bars, windows):
            self.assertAlmostEqual(left, window["start"] / 6, delta=.01)
            self.assertAlmostEqual(height, window["score"], delta=.05)
        seconds = self.result["explanation"]["seconds"]
        for button, window in zip(self.browser.find_elements(By.CSS_SELECTOR, "#result .buttons button"), (seconds["highest"], seconds["lowest"]), strict=True):
            button.click()
            self.assertAlmostEqual(self.time(), window["start"], delta=.01)
        self.assertEqual(browsers.said(self.browser), [])

    def test_errors(self):
        """No video, too large, empty: said in words; what can be known before the upload is not uploaded."""
        large, empty = self.folder / "large.mp4", self.folder / "empty.mp4"
        large.write_bytes(bytes(3 << 20))
        empty.write_bytes(b"")
        self.choose(large, empty, self.words, self.clip)
        found = self.settled(4)
        self.assertEqual([state for state, _ in found], ["failed", "failed", "failed", "done"])
        self.assertIn("3.0 MiB; this service takes 2.0 MiB at most", found[0][1])
        self.assertIn("0 bytes", found[1][1])
        self.assertIn("No verdict on this video: not a video", found[2][1])
        self.assertEqual(self.js("return performance.getEntriesByType('resource').filter(e => e.name.endsWith('/jobs')).length"), 2)
        self.assertEqual(self.text("#past li bdi"), ["clip.mp4"], "only verdicts are remembered")
        self.assertEqual(browsers.said(self.browser), [])

    def test_queue(self):
        """One after another; one that waits can be cancelled, and tried again; a verdict that is looked at stays."""
        names = []
        for i in range(3):
            shutil.copy(self.clip, self.folder / f"{i}.mp4")
            names.append(f"{i}.mp4")
        self.choose(*[self.folder / name for name in names])
        self.until("return document.querySelectorAll('#items li[data-state=working]').length == 1 && document.querySelectorAll('#items li[data-state=waiting]').length == 2")
        self.browser.find_element(By.CSS_SELECTOR, "[aria-label='Cancel: 2.mp4']").click()
        self.assertEqual(self.js("return document.activeElement.getAttribute('aria-label')"), "Try again: 2.mp4", "the focus stays in the row")
        self.assertEqual([state for state, _ in self.settled(3)], ["done", "done", "cancelled"])
        self.assertEqual(self.text("#result-title"), ["0.mp4"])
        self.browser.find_element(By.CSS_SELECTOR, "[aria-label='Show: 1.mp4']").click()
        self.assertEqual(self.js("return document.activeElement.id + document.activeElement.textContent"), "result-title1.mp4")
        self.browser.find_element(By.CSS_SELECTOR, "[aria-label='Try again: 2.mp4']").click()
        self.until("return document.querySelector('#items li:last-child').dataset.state == 'working' && document.querySelector('#items li:last-child .words').textContent.includes('service')")
        self.browser.find_element(By.CSS_SELECTOR, "[aria-label='Cancel: 2.mp4']").click()
        self.service.settle(lambda: self.service.spooled() == [])
        self.assertEqual(self.settled(3)[2][0], "cancelled")

    def test_dropped(self):
        self.js("""const data = new DataTransfer(), drop = type => document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
                   data.items.add(new File(['These are words.'], 'dropped.mp4')); drop('dragenter'); window.lit = document.body.className; window.kept = !drop('dragover'); drop('drop');""")
        self.assertEqual(self.js("return [lit, kept, document.body.className]"), ["dragging", True, ""])
        self.assertEqual(self.settled(1)[0][0], "failed")

    def test_hostile_names(self):
        for name in HOSTILE:
            shutil.copy(self.short, self.folder / name)
        self.choose(*[self.folder / name for name in HOSTILE])
        self.assertEqual({state for state, _ in self.settled(len(HOSTILE))}, {"done"})
        for button in self.browser.find_elements(By.CSS_SELECTOR, "[aria-label^='Show']"):
            button.click()
        self.browser.refresh()
        self.until("return document.querySelectorAll('#past li').length == %d" % len(HOSTILE))
        self.assertEqual(sorted(self.text("#past bdi")), sorted(name.replace("\u202e", "\ufffd") for name in HOSTILE))
        self.assertIsNone(self.js("return window.hacked"))
        self.assertEqual(self.js("return document.querySelectorAll('img, b').length"), 0)
        self.assertEqual(self.wide(390), [])

    def test_history(self):
        """It outlives the page, and goes when it is told to; broken or refused storage breaks nothing."""
        self.choose(self.clip)
        self.settled(1)
        kept = json.loads(self.js("return localStorage.getItem('desy-history')"))
        self.assertEqual([(entry["name"], entry["confidence"], entry["model"]) for entry in kept], [("clip.mp4", self.result["confidence"], self.result["model"])])
        before = self.text("#past li")
        self.browser.refresh()
        self.until("return !document.getElementById('history').hidden")
        self.assertEqual(self.text("#past li"), before)
        self.browser.find_element(By.ID, "forget").click()
        self.assertEqual((self.text("#past li"), self.js("return localStorage.getItem('desy-history')")), ([], "[]"))
        for broken in ("{", '[1, {"name": 7}]', '"x"'):
            self.js("localStorage.setItem('desy-history', arguments[0])", broken)
            self.open(self.service)
            self.assertEqual(self.text("#past li"), [])
        added = self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('refused', 'SecurityError'); }})"})
        try:
            self.open(self.service)
            self.choose(self.clip)
            self.settled(1)
            self.assertEqual(len(self.text("#past li")), 1)
            self.assertIn("keeps nothing", self.text("#history-note")[0])
        finally:
            self.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        self.assertEqual(browsers.said(self.browser), [])

    def test_token(self):
        """Without the token, or with a wrong one: a page that says what to open; in a page that is open: words."""
        self.browser.delete_all_cookies()
        self.choose(self.clip)
        [[state, words]] = self.settled(1)
        self.assertTrue(state == "failed" and "Open the address that desy serve printed" in words, words)
        for wrong in ("", "?token=" + "0" * 64):
            self.browser.get(f"http://127.0.0.1:{self.service.port}/{wrong}")
            self.assertIn("Open the address that desy serve printed", self.text("main")[0])
            self.assertNotEqual(self.js("return getComputedStyle(document.body).maxWidth"), "none", "it has its style")
            self.assertEqual(browsers.faults(self.browser), [])

    def test_busy(self):
        """A full queue is waited for, as long as the service says, and the page says so."""
        with Service("--workers", 1, "--queue", 1, environment={"DESY_TEST_HELPER": "hang:upload"}) as service:
            self.open(service)
            jobs, refused = [], 0
            while refused < 10:  # in a row: the worker, too, has taken what it takes
                answer = service.upload("/jobs", ("video", "a.mp4", b"never read"))
                refused = 0 if answer[0] == 202 else refused + 1
                jobs += [answer[2]["id"]] if answer[0] == 202 else []
                time.sleep(.1)
            self.choose(self.short)
            self.until("return saids.some(words => words.includes('As many videos wait') && words.includes('tries again in 2 s'))")
            for job in jobs:
                self.assertEqual(service.request("DELETE", f"/jobs/{job}")[0], 204)
            self.until("return document.querySelector('#items .words').textContent.startsWith('In the service’s queue')")
            self.browser.find_element(By.CSS_SELECTOR, "#items button").click()
            self.assertEqual(self.settled(1)[0][0], "cancelled")
            service.process.kill()  # what hangs would keep it from stopping
            service.process.wait()

    def test_gone_from_disk(self):
        """A file that is gone by the time it is sent can't be read by the browser: that is not blamed on the service."""
        changed = self.folder / "changed.mp4"
        shutil.copy(self.short, changed)
        self.choose(self.clip, changed)
        self.until("return document.querySelectorAll('#items li[data-state=waiting]').length == 1")
        changed.unlink()
        found = self.settled(2)
        self.assertEqual(found[0][0], "done")
        self.assertTrue(found[1][0] == "failed" and "the file has changed" in found[1][1], found)

    def test_gone(self):
        with Service("--workers", 1) as service:
            self.open(service)
            service.stop()
        self.choose(self.clip)
        [[state, words]] = self.settled(1)
        self.assertTrue(state == "failed" and "can’t be reached" in words, words)
        self.assertEqual(self.browser.find_element(By.CSS_SELECTOR, "#items button").text, "Try again")

    def test_feedback(self):
        """Where the service takes it: what the page sends, and what it says to an answer and to a refusal. The network is the test's."""
        with Service("--workers", 1, "--feedback", self.folder / "feedback") as service:
            self.open(service)
            self.js(STAND_IN)
            self.choose(self.short)
            self.settled(1)
            self.browser.find_element(By.CSS_SELECTOR, ".wrong summary").click()
            send = self.browser.find_element(By.CSS_SELECTOR, ".feedback [type=submit]")
            send.click()
            self.assertEqual(self.js("return sent"), [], "what it is must be chosen")
            self.assertEqual(browsers.faults(self.browser), [])
            self.browser.find_element(By.CSS_SELECTOR, ".feedback [value='1']").click()
            self.browser.find_element(By.CSS_SELECTOR, ".feedback textarea").send_keys("<b>I made it</b>")
            for status, said, again in ((507, "Not sent. No room.", True), (202, "Thank you. It is kept until it is reviewed.", False)):
                self.js("window.status = arguments[0]", status)
                send.click()
                self.until(f"return document.querySelector('.feedback > p:last-child').textContent == '{said}'")
                self.assertEqual((send.is_enabled(), self.text("#said")), (again, [said]))
            job = self.js("return performance.getEntriesByType('resource').map(e => e.name).filter(name => name.includes('/jobs/')).pop().split('/').pop()")
            fields = [["label", "1"], ["comment", "<b>I made it</b>"], ["job", job], ["video", f"short.mp4 {self.short.stat().st_size}"]]
            self.assertEqual(self.js("return sent"), [fields, fields])

    def wide(self, width):
        """What is wider than a page of that width."""
        browsers.resize(self.browser, width)
        return self.js("return [...document.querySelectorAll('body *')].filter(e => !e.closest('.unseen, [hidden]') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200))")

    def test_looks(self):
        """Empty and with a verdict, all of it opened: two widths, light and dark, nothing for axe-core to find; on paper, the verdict without what can only be clicked."""
        def look():
            for width in (1200, 390):
                self.assertEqual(self.wide(width), [], f"wider than {width} pixels")
                self.assertEqual(browsers.faults(self.browser), [])
        look()
        self.choose(self.clip, self.words)
        self.settled(2)
        self.js("document.querySelectorAll('details').forEach(details => details.open = true)")
        look()
        moving = "return getComputedStyle(document.querySelector('progress')).animationName"
        self.assertEqual(self.js(moving), "along")
        light = self.js("return getComputedStyle(document.body).backgroundColor")
        try:
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
            self.assertNotEqual(self.js("return getComputedStyle(document.body).backgroundColor"), light)
            self.assertEqual(self.js(moving), "none")
            look()
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
            shown = "return getComputedStyle(document.querySelector(arguments[0])).display != 'none'"
            self.assertEqual([self.js(shown, selector) for selector in (".verdict", ".timeline", ".levels", "#drop", "#queue", "#forget")], [True, True, True, False, False, False])
        finally:
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        self.assertEqual(browsers.said(self.browser), [])

    def test_keyboard_alone(self):
        """Tab reaches the choice of videos first, the focus is seen, and every part of the verdict that can be worked comes in the order of the page."""
        self.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        self.assertEqual(self.js("return document.activeElement.id"), "files")
        self.assertEqual(self.js("return getComputedStyle(document.querySelector('label.button')).outlineStyle"), "solid")
        self.choose(self.clip)
        self.settled(1)
        reached = []
        for _ in range(14):
            ActionChains(self.browser).send_keys(Keys.TAB).perform()
            reached.append(self.js("const e = document.activeElement; return [e.getAttribute('role') || e.localName, e.getBoundingClientRect().top + scrollY, getComputedStyle(e).outlineStyle]"))
        names = [name for name, _, _ in reached]
        for name in ("button", "video", "slider", "summary", "a"):
            self.assertIn(name, names)
        self.assertLess(names.index("video"), names.index("slider"))
        self.assertLess(names.index("slider"), names.index("summary"))
        self.assertTrue(all(outline != "none" for name, _, outline in reached if name in ("button", "slider", "summary", "a")), reached)


if __name__ == "__main__":
    unittest.main()
