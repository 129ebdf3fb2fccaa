"""The authorization page in a real browser: headless Chromium, on a screen and on a phone."""

import pathlib
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from test_authorize import SERVICE, World, address, signed_query
from wxbusdev.child import wait_until

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


@pytest.fixture(scope="module")
def world(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    world = World(deployment)
    world.sim.push_ticket(world.component)
    wait_until(lambda: world.tokens.call("GET", f"/v1/platforms/{world.component}/token")[0] == 200, 20, "a token")
    return world


@pytest.fixture
def browse():
    """browse(size, language, ...): a browser with nothing of an earlier one."""
    browsers, folders = [], []

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
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        browser.quit()
    for folder in folders:
        folder.cleanup()


def show(world, browser, name, **parameters):
    browser.get(world.deployment.url(SERVICE) + address(world.component, **parameters))
    shot(world, browser, name)


def shot(world, browser, name):
    folder = pathlib.Path(world.deployment.service(SERVICE).log_path).parent
    browser.save_screenshot(str(folder / f"{name}.png"))


def check_layout(browser, size):
    """Nothing is cut off or too faint, and what is to be pressed is large enough for a thumb."""
    assert browser.execute_script("return document.documentElement.scrollWidth") <= SIZES[size][0]
    for text, contrast in browser.execute_script(CONTRAST):
        assert contrast >= 4.5, (text, contrast)
    for button in browser.find_elements(By.CSS_SELECTOR, ".button"):
        assert button.size["height"] >= 44 and button.accessible_name
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") in ("zh-CN", "en")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def arrive_at_weixin(world, browser):
    WebDriverWait(browser, 15).until(lambda _: "weixin-sim: " in browser.title)
    assert browser.title == "weixin-sim: authorize", browser.page_source
    assert browser.current_url.startswith(world.deployment.url("weixin-sim"))


def consent(browser, appid):
    browser.find_element(By.ID, f"confirm-{appid}").click()
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.ID, "account"))


@pytest.mark.parametrize("size,language,title", [("pc", "zh-CN", "连接您的"), ("phone", "zh-CN", "连接您的"),
                                                 ("pc", "en-US", "Connect your"), ("phone", "en-US", "Connect your")])
def test_the_click_reaches_weixin_and_comes_back_authorized(world, browse, size, language, title):
    appid = world.new_account(nick_name="春风小店")
    browser = browse(size, language)
    ref = f"{size}-{language}"
    show(world, browser, f"page-{ref}", **signed_query(world.deployment, world.component, ref,
                                                       world.deployment.url(SERVICE) + "/authorize/done"))
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith(title)
    check_layout(browser, size)
    browser.find_element(By.ID, "go").click()
    arrive_at_weixin(world, browser)
    wanted = "/wxaopen/safe/bindcomponent" if size == "phone" else "/cgi-bin/componentloginpage"
    entry = world.sim.record(what="page")["entries"][-1]
    assert (entry["path"], entry["referer"]) == (wanted, world.deployment.url(SERVICE) + "/")
    consent(browser, appid)
    check_layout(browser, size)
    shot(world, browser, f"done-{ref}")
    world.wait_served(appid)
    assert world.directory(appid, lambda row: row["ref"])["ref"] == ref
    browser.find_element(By.CSS_SELECTOR, "a.button").click()
    assert browser.current_url == world.deployment.url(SERVICE) + "/authorize/done"


def test_the_keyboard_alone_is_enough_and_back_works(world, browse):
    browser = browse("pc", "en-US")
    show(world, browser, "keyboard")
    # the link to the other language, then the button
    active = browser.switch_to.active_element
    for _ in range(2):
        active.send_keys("\ue004")
        active = browser.switch_to.active_element
    assert active.get_attribute("id") == "go"
    shot(world, browser, "keyboard-focus")
    active.send_keys("\ue007")
    arrive_at_weixin(world, browser)
    browser.back()
    WebDriverWait(browser, 10).until(lambda _: browser.find_elements(By.ID, "go"))
    browser.find_element(By.ID, "go").click()
    arrive_at_weixin(world, browser)


def test_when_weixin_is_away_the_page_says_so_and_works_later(world, browse):
    browser = browse("phone", "en-US", dark=True)
    show(world, browser, "dark")
    check_layout(browser, "phone")
    world.sim.call("/admin/faults", path="/cgi-bin/component/api_create_preauthcode", errcode=-1, count=1)
    browser.find_element(By.ID, "go").click()
    status = browser.find_element(By.ID, "status")
    WebDriverWait(browser, 10).until(lambda _: "does not answer" in status.text)
    shot(world, browser, "away")
    browser.find_element(By.ID, "go").click()
    arrive_at_weixin(world, browser)


def test_the_other_language_is_one_click_away(world, browse):
    browser = browse("pc", "en-US")
    show(world, browser, "english", auth_type=2, **signed_query(world.deployment, world.component, "two-languages"))
    browser.find_element(By.CSS_SELECTOR, "header a").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "连接您的小程序"
    assert "signature=" in browser.current_url
    check_layout(browser, "pc")


def test_every_other_page_is_laid_out_as_well(world, browse):
    browser = browse("phone")
    show(world, browser, "bad-link", ref="unsigned")
    check_layout_of_refusal(browser)
    browser.get(world.deployment.url(SERVICE) + f"/authorize/{world.component}/callback")
    shot(world, browser, "cancelled")
    check_layout(browser, "phone")
    browser.get(world.deployment.url(SERVICE) + "/nowhere")
    shot(world, browser, "not-found")
    check_layout_of_refusal(browser)


def check_layout_of_refusal(browser):
    browser.get_log("browser")              # Chromium reports the status itself as an error
    check_layout(browser, "phone")
