"""weixin-sim's pages for people in headless Chromium, 360 px wide: a fan talks with an account, and an
administrator authorizes one."""

import json
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from test_weixin_sim import ACCOUNT, API, COMPONENT, KEY, SECRET, TOKEN, Receiver, Weixin
from wxbus_testing.browser import CONTRAST, SIZES, browsers
from wxbusdev.service import http_request

FAN = "oChatFan0001"
MENU = {"button": [{"type": "click", "name": "营业时间", "key": "HOURS"},
                   {"name": "更多", "sub_button": [{"type": "view", "name": "商城", "url": "https://shop.example.com/"}]}]}


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    receiver.answer = lambda push: answer(receiver, push)
    yield receiver
    receiver.close()


def answer(receiver, push):
    """A business that answers what it hears."""
    fields = push["fields"]
    if fields.get("Content") == "broken":
        return 500, b""
    if fields.get("Content"):
        return 200, receiver.reply(push, f"您说：{fields['Content']}")
    if fields.get("Event") == "CLICK":
        return 200, receiver.reply(push, f"按钮 {fields['EventKey']}")
    return 200, b"success"


@pytest.fixture(scope="module")
def sim(logs, receiver):
    process = Weixin(logs / "weixin-sim-chat.log")
    process.start(ready=False)
    process.wait_for(process.ready, 20, "healthz")
    process.call("/admin/platforms", component_appid=COMPONENT, app_secret=SECRET, token=TOKEN, encoding_aes_key=KEY,
                 event_url=f"{receiver.url}/event", message_url=f"{receiver.url}/$APPID$")
    process.add_account(ACCOUNT, nick_name="春风 <小店>", func_ids=[1, 7, 15], fans=[FAN], templates=[
        {"template_id": "T1", "title": "订单提醒", "content": "单号：{{number.DATA}}\n状态：{{state.DATA}}"}])
    yield process
    process.finish()


@pytest.fixture(scope="module")
def access(sim):
    return sim.account_tokens(sim.component_token())[0]


@pytest.fixture(scope="module")
def browser():
    with browsers() as start:
        yield start("phone")


@pytest.fixture
def page(sim, browser):
    query = urllib.parse.urlencode({"component_appid": COMPONENT, "appid": ACCOUNT, "openid": FAN})
    browser.get(f"http://127.0.0.1:{sim.api_port}/weixin-sim/chat?{query}")
    wait(browser, lambda: browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready"))
    return browser


def wait(browser, condition):
    WebDriverWait(browser, 20).until(lambda _: condition())


def bubbles(browser):
    return [bubble.text for bubble in browser.find_elements(By.CSS_SELECTOR, ".b")]


def wait_shown(browser, text):
    wait(browser, lambda: any(text in bubble for bubble in bubbles(browser)))


def check_layout(browser):
    assert browser.execute_script("return document.documentElement.scrollWidth") <= SIZES["phone"][0]
    for text, contrast in browser.execute_script(CONTRAST):
        assert contrast >= 4.5, (text, contrast)
    for button in browser.find_elements(By.CSS_SELECTOR, "button, input, select, summary, a.confirm, #refuse"):
        if button.is_displayed():
            assert button.size["height"] >= 44 and button.size["width"] >= 44, button.text
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def shot(browser, logs, name):
    browser.save_screenshot(str(logs / f"weixin-chat-{name}.png"))


def type_text(browser, text):
    browser.find_element(By.ID, "text").send_keys(text)
    browser.find_element(By.ID, "send").click()


def test_a_fan_types_and_sees_the_answer_of_a_business(sim, page, logs):
    assert page.find_element(By.TAG_NAME, "h1").text == "春风 <小店>"
    type_text(page, "几点关门？<b>")
    wait_shown(page, "您说：几点关门？<b>")
    shown = bubbles(page)
    assert shown.index("几点关门？<b>") < shown.index("您说：几点关门？<b>")
    check_layout(page)
    shot(page, logs, "talk")


def test_messages_menu_and_templates_appear_as_in_the_app(sim, page, access, logs):
    type_text(page, "hello")
    wait_shown(page, "您说：hello")
    assert sim.send_text(access, "稍后人工回复", FAN) == 0
    menu = {"head_content": "满意吗？", "list": [{"id": "101", "content": "满意"}], "tail_content": "谢谢"}
    assert sim.api("/cgi-bin/message/custom/send", {"touser": FAN, "msgtype": "msgmenu", "msgmenu": menu},
                   access)["errcode"] == 0
    wait_shown(page, "稍后人工回复")
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "button.entry"))
    page.find_element(By.CSS_SELECTOR, "button.entry").click()
    wait_shown(page, "您说：满意")

    template = {"touser": FAN, "template_id": "T1", "url": "https://shop.example.com/7",
                "data": {"number": {"value": "7"}, "state": {"value": "已发货"}}}
    sent = sim.api("/cgi-bin/message/template/send", template, access)
    assert sent["errcode"] == 0 and sent["msgid"]
    wait_shown(page, "单号：7\n状态：已发货")
    for change, errcode in (({"template_id": "T2"}, 40037), ({"touser": "oNobody"}, 40003), ({"data": 1}, 47003)):
        assert sim.api("/cgi-bin/message/template/send", {**template, **change}, access)["errcode"] == errcode

    assert sim.api("/cgi-bin/menu/get", token=access, method="GET")["errcode"] == 46003
    assert sim.api("/cgi-bin/menu/create", MENU, access)["errcode"] == 0
    assert sim.api("/cgi-bin/menu/get", token=access, method="GET")["menu"] == MENU
    for wrong, errcode in (({"button": []}, 40016), ({"button": [{"name": "a", "type": "smell"}]}, 40017),
                           ({"button": [{"type": "click", "key": "k"}]}, 40018),
                           ({"button": [{"name": "a", "type": "click"}]}, 40019),
                           ({"button": [{"name": "a", "type": "view"}]}, 40020)):
        assert sim.api("/cgi-bin/menu/create", wrong, access)["errcode"] == errcode
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#menu > *")) == 2)
    page.find_element(By.CSS_SELECTOR, "#menu > button").click()
    wait_shown(page, "按钮 HOURS")
    page.find_element(By.CSS_SELECTOR, "#menu summary").click()
    check_layout(page)
    shot(page, logs, "menu")
    page.find_element(By.CSS_SELECTOR, "#menu details button").click()
    wait_shown(page, "[VIEW https://shop.example.com/]")
    assert sim.api("/cgi-bin/menu/delete", token=access, method="GET")["errcode"] == 0


def test_a_broken_business_is_seen_as_in_the_app(sim, page, receiver):
    receiver.pushes.clear()
    type_text(page, "broken")
    wait_shown(page, "暂时无法提供服务")
    assert len(receiver.pushes) == 4                                # as Weixin repeats
    page.find_element(By.CSS_SELECTOR, "#name option[value='location']").click()
    page.find_element(By.CSS_SELECTOR, "#sample button").click()
    wait_shown(page, "[location]")


def test_accounts_are_listed_and_a_form_of_another_site_cannot_speak(sim, browser):
    browser.get(f"http://127.0.0.1:{sim.api_port}/weixin-sim")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "li a"))
    check_layout(browser)
    browser.find_element(By.CSS_SELECTOR, "li a").click()
    wait(browser, lambda: browser.find_elements(By.ID, "text"))
    said = {"component_appid": COMPONENT, "appid": ACCOUNT, "openid": FAN, "sample": "text"}
    for headers, status in (({"Content-Type": "text/plain"}, 415), ({"Content-Type": "application/json"}, 200)):
        assert http_request(sim.api_port, "POST", "/weixin-sim/chat/say", json.dumps(said), headers)[0] == status


def test_an_administrator_sees_the_permission_sets_and_confirms_or_refuses(sim, browser, receiver, logs):
    token = sim.component_token()

    def arrive():
        code = sim.api(API + "api_create_preauthcode", {"component_appid": COMPONENT}, token)["pre_auth_code"]
        query = urllib.parse.urlencode({"component_appid": COMPONENT, "pre_auth_code": code, "auth_type": "3",
                                        "redirect_uri": f"{receiver.url}/back"})
        address = f"http://127.0.0.1:{sim.api_port}/wxaopen/safe/bindcomponent?{query}"
        browser.get(f"http://127.0.0.1:{sim.api_port}/weixin-sim")    # a page of the domain to return to
        browser.execute_script("location.href = arguments[0]", address)
        wait(browser, lambda: browser.title == "weixin-sim: authorize")

    arrive()
    assert "1 消息管理" in browser.page_source and "15 菜单管理" in browser.page_source
    check_layout(browser)
    shot(browser, logs, "authorize")
    browser.find_element(By.ID, "refuse").click()
    wait(browser, lambda: browser.title == "weixin-sim: not authorized")
    assert sim.record(what="page")["entries"][-1]["outcome"] == "refused"
    arrive()
    receiver.pushes.clear()
    browser.find_element(By.ID, f"confirm-{ACCOUNT}").click()
    wait(browser, lambda: "/back" in browser.current_url)
    assert receiver.pushes[0]["fields"]["InfoType"] == "authorized"
    assert receiver.pushes[0]["fields"]["AuthorizationCode"] in urllib.parse.unquote(browser.current_url)
