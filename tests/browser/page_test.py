"""The page of a failing run in a real browser: it draws, it shows the guilty job's path, it answers mouse and keyboard, and nothing in it fails."""

import html
import json
import os
import re
import subprocess
import tempfile
import unittest

import browser
import png

SAMPLE_PAGE = os.path.abspath("sim/report/sample_page")

# Red, green, blue of what is guilty (--guilty in page.css) and of the paper, in light and in dark.
GUILTY = {False: (0xC4, 0x4E, 0x00), True: (0xFF, 0x8A, 0x3D)}
PAPER = {False: (0xFB, 0xFA, 0xF7), True: (0x14, 0x17, 0x1B)}

# Runs in the page when it has been drawn: does what a person would, and writes down what it sees.
ACTIONS = """
const seen = {};
const frame = () => new Promise((go) => setTimeout(go, 100));
const key = (name) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const stage = document.getElementById("stage");
const at = (element, type, init = {}) => {
  const box = element.getBoundingClientRect();
  const where = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true, cancelable: true, button: 0, pointerId: 1, ...init };
  element.dispatchEvent(type === "wheel" ? new WheelEvent(type, where) : new PointerEvent(type, where));
};
const crash = () => document.querySelector("#drawing .mark.crash");
const visible = () => document.querySelectorAll("#drawing .mark").length;
(async () => {
  await frame();
  seen.marks = visible();
  at(crash(), "pointermove");
  await frame();
  seen.tip = document.getElementById("tip").hidden ? "" : document.getElementById("tip").innerText;
  seen.hoverInWords = document.querySelector("#lines li.hover")?.innerText || "";
  at(stage, "pointerleave");
  seen.tipAfter = document.getElementById("tip").hidden;
  at(document.querySelector("#lines li.evidence"), "pointerover");
  await frame();
  seen.hoverInDrawing = document.querySelectorAll("#overlay .hover").length;
  at(crash(), "pointerdown"); at(crash(), "pointerup");
  await frame();
  seen.detail = document.getElementById("detail").innerText;
  seen.ring = document.querySelectorAll("#overlay .selected").length;
  key("ArrowLeft");
  await frame();
  seen.before = document.getElementById("detail").innerText;
  key("Escape");
  await frame();
  seen.closed = document.getElementById("detail").innerText;
  at(stage, "wheel", { deltaY: -700 });
  await frame();
  seen.zoomed = visible();
  key("0");
  await frame();
  seen.whole = visible();
  document.querySelector('[data-group="deliveries"]').click();
  await frame();
  seen.withoutDeliveries = document.querySelectorAll("#drawing .mark.delivered").length;
  document.querySelector('[data-group="deliveries"]').click();
  document.getElementById("only").click();
  await frame();
  seen.only = visible();
  document.getElementById("only").click();
  const filter = document.getElementById("filter");
  filter.value = "12";
  filter.dispatchEvent(new Event("input"));
  document.getElementById("tab-all").click();
  await frame();
  seen.filtered = document.getElementById("lines").textContent;
  const result = document.createElement("pre");
  result.id = "seen";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
})();
"""


class PageTest(unittest.TestCase):
    def setUp(self):
        if browser.missing():
            self.fail(browser.missing())
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def page(self, *arguments, script=""):
        text = subprocess.run([SAMPLE_PAGE, *arguments], capture_output=True, text=True, check=True).stdout
        path = os.path.join(self.folder, "page.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("</body>", f"<script>{script}</script></body>") if script else text)
        return path

    def facts(self, dom):
        """What the page says of itself on its root element."""
        root = re.search(r"<html[^>]*>", dom).group(0)
        facts = dict(re.findall(r'data-(\w+)="([^"]*)"', root))
        self.assertEqual(facts.get("errors"), "0", re.findall(r'<p id="status".*?</p>', dom))
        self.assertEqual(facts.get("drawn"), "1")
        return {name: int(value) for name, value in facts.items() if value.isdigit()}

    def test_the_loss_is_drawn(self):
        dom = browser.dom(self.folder, self.page("loss"))
        facts = self.facts(dom)
        self.assertGreaterEqual(facts["marks"], 60)
        self.assertGreaterEqual(facts["arrows"], 15)
        self.assertGreaterEqual(facts["guilty"], 9)
        for words in ("no-loss", "never arrived", "down for 500 ms", "2nd life", "commit 2", "Nothing happens for 4.99 s"):
            self.assertIn(words, dom)
        self.assertGreaterEqual(len(re.findall(r'class="stay', dom)), 3)
        self.assertEqual(len(re.findall(r'class="link append heavy"', dom)), 1)
        self.assertEqual(len(re.findall(r'class="link lost heavy"', dom)), 1)
        self.assertEqual(len(re.findall(r'class="mark [a-z]+ (?:own|near) evidence"', dom)), 4)

    def test_an_address_selects(self):
        dom = browser.dom(self.folder, self.page("loss"), "#zoom=3&at=24&select=44")
        self.facts(dom)
        tip = re.search(r'<div id="tip"[^>]*>(.*?)</div>', dom, re.DOTALL)
        self.assertNotIn("hidden", tip.group(0).split(">")[0])
        self.assertIn("<dt>record</dt><dd>44</dd>", tip.group(1))

    def test_it_answers(self):
        dom = browser.dom(self.folder, self.page("loss", script=ACTIONS))
        self.facts(dom)
        result = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
        self.assertIsNotNone(result, "the actions did not come to their end")
        seen = json.loads(html.unescape(result.group(1)))
        self.assertIn("crashes", seen["tip"])
        self.assertIn("24.610 ms", seen["tip"])
        self.assertIn("crashes", seen["hoverInWords"])
        self.assertTrue(seen["tipAfter"])
        self.assertEqual(seen["hoverInDrawing"], 1)
        self.assertIn("crashes", seen["detail"])
        self.assertEqual(seen["ring"], 1)
        self.assertIn("crash strikes", seen["before"])
        self.assertEqual(seen["closed"], "")
        self.assertLess(seen["zoomed"], seen["marks"])
        self.assertEqual(seen["whole"], seen["marks"])
        self.assertEqual(seen["withoutDeliveries"], 0)
        self.assertLess(seen["only"], seen["marks"] * 2 / 3)
        self.assertIn("receives job 12 from raw/1", seen["filtered"])
        self.assertNotIn("receives job 7", seen["filtered"])

    def test_names_that_try_to_break_out(self):
        dom = browser.dom(self.folder, self.page("hostile", script="window.alert = () => { throw new Error('broke out'); };"))
        self.facts(dom)
        self.assertNotIn("<script>alert", dom)

    def test_five_thousand_records(self):
        page = self.page("busy", "5000")
        whole = self.facts(browser.dom(self.folder, page, "#zoom=1"))
        self.assertGreater(whole["marks"], 800)
        self.assertLess(whole["marks"], 2500)
        near = self.facts(browser.dom(self.folder, page))
        self.assertGreaterEqual(near["guilty"], 6)

    def test_far_more_records(self):
        dom = browser.dom(self.folder, self.page("busy", "40000"))
        self.facts(dom)
        self.assertRegex(dom, r"[\d,]+ of 40,\d{3} records of other jobs are not in this page")

    def test_it_is_painted_in_light_and_dark(self):
        page = self.page("loss")
        for dark in (False, True):
            with self.subTest(dark=dark):
                width, height, colours = png.colours(browser.screenshot(self.folder, page, size=(1000, 700), dark=dark))
                self.assertEqual((width, height), (1000, 700))
                self.assertGreater(len(colours), 200)
                self.assertGreater(colours[GUILTY[dark]], 300)
                self.assertGreater(colours[PAPER[dark]], width * height // 10)
                self.assertLess(colours[PAPER[dark]], width * height * 9 // 10)
                self.assertEqual(colours[PAPER[not dark]], 0)


if __name__ == "__main__":
    unittest.main()
