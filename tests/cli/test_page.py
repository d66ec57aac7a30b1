"""What the page of `spanload compare --html` promises, told by a browser.

One page is of a program that does the same with the library, one of a program that prints other things with it, and markup
at that. Both are looked at as they stand on a disk: whoever opens one has neither a server nor a network.
"""
import base64
import collections
import http.server
import json
import os
import re
import shutil
import struct
import subprocess
import threading
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SPANLOAD = os.environ.get("SPANLOAD_BIN", str(ROOT / "build" / "spanload"))
CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(not os.access(SPANLOAD, os.X_OK), reason=f"{SPANLOAD} is not built"),
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="chromium or chromedriver is not installed"),
]

PHONE, DESK = 360, 1280
SCHEMES = ("light", "dark")
TELLTALE = "<script src=http://127.0.0.1:1/x.js></script>"
UNLIKE = f"""printf '<b>always</b>\\033 %s\\n' "${{LD_PRELOAD:+{TELLTALE}}}" """


# ---- pages ----

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def compare(file, runs, *command):
    """The page as text, and where it is."""
    done = subprocess.run([SPANLOAD, "compare", "--runs", str(runs), "--html", str(file), "--", *command], capture_output=True,
                          env={**os.environ, "SPANLOAD_LIBRARY": str(ROOT / "build" / "libspanload.so")},
                          timeout=60, text=True)
    assert done.returncode in (0, 1), done.stderr
    return SimpleNamespace(text=file.read_text(encoding="utf-8"), url=file.as_uri(), status=done.returncode)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, port):
    place = tmp_path_factory.mktemp("pages")
    return {"alike": compare(place / "alike.html", 6, "curl", "-s", f"http://127.0.0.1:{port}/?a=<i>&b"),
            "unlike": compare(place / "unlike.html", 2, "sh", "-c", UNLIKE)}


@pytest.fixture(params=["alike", "unlike"])
def page(request, pages):
    return pages[request.param]


# ---- the browser ----

class Browser:
    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                         "--no-first-run", f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
            options.add_argument(argument)
        self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)

    def look(self, page, width=DESK, scheme="light"):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get(page.url)

    def ask(self, script):
        return self.driver.execute_script(script)

    def requests(self):
        """The addresses that were asked for since the last time."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def picture(self, width):
        clip = {"x": 0, "y": 0, "width": width, "height": 800, "scale": 0.5}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
        return base64.b64decode(shot["data"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


# ---- the file ----

class Strict(HTMLParser):
    """Tags that do not match, and what a page could load or run."""
    VOID = {"meta", "br", "hr", "wbr"}

    def __init__(self, text):
        super().__init__()
        self.open, self.problems, self.attributes, self.tags = [], [], [], collections.Counter()
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += attributes

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} closes something else")


def test_tags_match_and_names_are_unique(page):
    strict = Strict(page.text)
    ids = [value for name, value in strict.attributes if name == "id"]
    assert strict.problems == []
    assert len(ids) == len(set(ids))
    assert strict.tags["h1"] == 1 and strict.tags["main"] == 1


def test_nothing_in_it_could_load_or_run(page):
    strict = Strict(page.text)
    style = page.text[page.text.index("<style>"):page.text.index("</style>")]
    assert not {"script", "img", "link", "iframe", "object", "embed", "base", "form", "use", "image"} & set(strict.tags)
    names = {name for name, _ in strict.attributes}
    assert not {"src", "srcset", "href", "xlink:href", "action"} & names
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in page.text


def test_every_number_of_a_picture_is_finite(page):
    numbers = [value for name, value in Strict(page.text).attributes
               if name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height")]
    assert len(numbers) > 20
    assert [value for value in numbers if not re.fullmatch(r"-?\d+(\.\d+)?%?", value)] in ([], ["device-width"])


def test_what_programs_printed_is_text(browser, pages):
    page = pages["unlike"]
    assert page.status == 1
    browser.look(page)
    assert browser.ask("return document.scripts.length") == 0
    assert TELLTALE in browser.ask("return document.querySelector('.diff ins').textContent")
    assert browser.ask("return document.querySelectorAll('.diff b').length") == 0
    assert "\x1b" not in page.text


# ---- as it is seen ----

def test_nothing_is_asked_of_the_network_and_nothing_complained_of(browser, page):
    browser.requests(), browser.complaints()
    browser.look(page)
    assert browser.requests() == [page.url]
    assert browser.complaints() == []


def test_the_verdict_comes_first(browser, page):
    browser.look(page)
    assert browser.ask("return document.querySelector('main').firstElementChild.classList.contains('verdict')")
    first = browser.ask("""return [...document.querySelectorAll('main p, main li, main dd')]
        .sort((a, b) => parseFloat(getComputedStyle(b).fontSize) - parseFloat(getComputedStyle(a).fontSize))[0].textContent""")
    assert first == browser.ask("return document.querySelector('.verdict .first').textContent")
    assert ("✗ Failed" in browser.ask("return document.querySelector('.verdict').textContent")) == (page.status == 1)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_pictures_are_seen_and_described(browser, pages, width):
    browser.look(pages["alike"], width)
    sections = browser.ask("""return Object.fromEntries([...document.querySelectorAll('section[aria-labelledby]')].map(
        section => [section.getAttribute('aria-labelledby'), section.querySelectorAll('svg').length]))""")
    assert sections["ratios"] >= 2 and sections["rounds"] >= 2
    sizes = browser.ask("""return [...document.querySelectorAll('svg')].map(svg => {
        const box = svg.getBoundingClientRect();
        const words = [svg.getAttribute('role'), svg.querySelector('title').textContent];
        return [box.width, box.height, box.left, box.right, ...words] })""")
    for wide, high, left, right, role, title in sizes:
        assert wide > 60 and high > 8 and left >= 0 and right <= width
        assert role == "img" and title.strip()


def test_every_round_is_a_mark_or_told(browser, pages):
    browser.look(pages["alike"])
    strips = browser.ask("""return [...document.querySelectorAll('svg.strip')].map(svg => [
        svg.querySelectorAll('.mark').length, [...svg.querySelectorAll('.note')].map(note => note.textContent).join()])""")
    assert strips
    for marks, notes in strips:
        assert marks + sum(map(int, re.findall(r"(\d+) beyond", notes))) == 3 * 6


@pytest.mark.parametrize("width", [320, PHONE, 700, 900, DESK])
def test_it_never_scrolls_sideways(browser, page, width):
    browser.look(page, width)
    browser.ask("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert browser.ask("return document.scrollingElement.scrollWidth") <= width


# Every element with text of its own: the smaller of its contrasts with the grounds it stands on (WCAG 2.1), and its size.
TEXTS = """
const channels = colour => colour.match(/[\\d.]+/g).map(Number);
const luminance = colour => channels(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
    for (; element; element = element.parentElement) {
        const colour = getComputedStyle(element).backgroundColor;
        if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
};
const told = (element, pseudo) => {
    const style = getComputedStyle(element, pseudo), colour = element.closest('svg') ? style.fill : style.color;
    const [light, dark] = [luminance(colour), luminance(ground(element))].sort((a, b) => b - a);
    const words = element.textContent.trim().slice(0, 40), contrast = (light + 0.05) / (dark + 0.05);
    return {words, contrast, size: parseFloat(style.fontSize)};
};
document.querySelectorAll('details').forEach(details => details.open = true);
const found = [];
for (const element of document.body.querySelectorAll('*')) {
    if (element.matches('title, .hidden')) continue;
    const has_own = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (has_own) found.push(told(element));
    if (!['none', 'normal'].includes(getComputedStyle(element, '::before').content)) found.push(told(element, '::before'));
}
return found;
"""


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(browser, page, scheme, width):
    browser.look(page, width, scheme)
    texts = browser.ask(TEXTS)
    assert len(texts) > 50
    assert [text for text in texts if text["contrast"] < 4.5] == []
    assert [text for text in texts if text["size"] < 12] == []


def paeth(left, above, corner):
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    return left if to_left <= to_above and to_left <= to_corner else above if to_above <= to_corner else corner


def pixels(png):
    """Of an eight-bit RGB or RGBA picture, as the browser makes them (PNG, 3rd edition, chapters 9 to 11)."""
    at, chunks = 8, {}
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        chunks[kind] = chunks.get(kind, b"") + png[at + 8:at + 8 + length]
        at += length + 12
    width, height, depth, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert depth == 8 and colours in (2, 6)
    size, raw = 3 if colours == 2 else 4, zlib.decompress(chunks[b"IDAT"])
    before, found = bytearray(width * size), []
    for row in range(height):
        start = row * (width * size + 1)
        how, line = raw[start], bytearray(raw[start + 1:start + 1 + width * size])
        for i in range(len(line) if how else 0):
            left, corner = (line[i - size], before[i - size]) if i >= size else (0, 0)
            above = before[i]
            line[i] = line[i] + (0, left, above, (left + above) // 2, paeth(left, above, corner))[how] & 255
        found += [tuple(line[i:i + 3]) for i in range(0, len(line), size)]
        before = line
    return collections.Counter(found)


def test_it_follows_the_light(browser, pages):
    grounds = {}
    for scheme in SCHEMES:
        browser.look(pages["alike"], PHONE, scheme)
        colours = pixels(browser.picture(PHONE))
        assert len(colours) > 20
        grounds[scheme] = sum(colours.most_common(1)[0][0]) / 3
    assert grounds["light"] > 200 and grounds["dark"] < 60
