"""Headless Chromium as on a screen and on a phone."""

import contextlib
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars")
PHONE = ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 "
         "Mobile Safari/537.36 MicroMessenger/8.0.49")
SIZES = {"pc": (1280, 900), "phone": (360, 740)}

# Of every text on the page: the contrast with what lies behind it.
CONTRAST = """
function parts(color) { return color.match(/[\\d.]+/g).map(Number); }
function light(c) { return c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                           .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0); }
function behind(e) { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
                     if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; }
return [...document.querySelectorAll('body *')].filter(e => e.offsetParent &&
    [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())).map(e => {
        const a = light(parts(getComputedStyle(e).color)), b = light(behind(e));
        return [e.textContent.trim().slice(0, 20), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]; });
"""


@contextlib.contextmanager
def browsers():
    """start(size, language, ...): a browser with nothing of an earlier one. All end with the context."""
    started, folders = [], []

    def start(size, language="zh-CN", dark=False):
        folders.append(tempfile.TemporaryDirectory(prefix="wxbus-chromium-"))
        options = Options()
        for flag in (*FLAGS, f"--user-data-dir={folders[-1].name}", f"--lang={language}"):
            options.add_argument(flag)
        emulated = {"deviceMetrics": {"width": SIZES[size][0], "height": SIZES[size][1], "pixelRatio": 2.0,
                                      "mobile": size == "phone"}}
        if size == "phone":
            emulated["userAgent"] = PHONE
        options.add_experimental_option("mobileEmulation", emulated)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        browser = webdriver.Chrome(service=Driver("/usr/bin/chromedriver"), options=options)
        browser.set_page_load_timeout(30)
        if dark:
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        started.append(browser)
        return browser

    try:
        yield start
    finally:
        for browser in started:
            browser.quit()
        for folder in folders:
            folder.cleanup()
