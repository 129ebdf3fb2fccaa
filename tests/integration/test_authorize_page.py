"""The authorization page in a real browser: headless Chromium, on a screen and on a phone."""

import pathlib

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from test_authorize import SERVICE, World, address, signed_query
from wxbus_testing.browser import CONTRAST, SIZES, browsers


@pytest.fixture(scope="module")
def world(new_deployment):
    return World.started(new_deployment())


@pytest.fixture
def browse():
    """browse(size, language, ...): a browser with nothing of an earlier one."""
    with browsers() as start:
        yield start


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
