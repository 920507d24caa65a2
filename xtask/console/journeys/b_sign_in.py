"""Signing in and out, with and without a script, and what a browser is told."""

import time


def test_signing_in_works_without_a_script(stage):
    browser = stage.browser(scripts=False)
    browser.go("/console")
    assert browser.path == "/console/sign-in"
    browser.fill(sign_in="ada@example.com", password="not the password", code="123456")
    browser.press("Sign in")
    browser.see("not right")
    assert browser.value("sign_in") == "ada@example.com"
    browser.looks_right("sign-in-refused")
    browser.sign_in(stage.owner)
    assert browser.path == "/console/projects/default"
    browser.go("/console/sign-out")
    browser.looks_right("sign-out")
    browser.click(browser.page.locator("main").get_by_role("button", name="Sign out"))
    assert browser.path == "/console/sign-in"
    browser.go("/console/projects/default")
    assert browser.path.startswith("/console/sign-in?to=")


def test_a_session_that_ended_comes_back_to_its_page(stage):
    browser = stage.owner_in()
    browser.go("/console/account/password")
    browser.context.clear_cookies()
    browser.fill(new_password="amber orchard over stone", password="x", code="123456")
    browser.press("Change the password")
    browser.see("Sign in to go on where you were")
    browser.type_sign_in(stage.owner)
    browser.press("Sign in")
    browser.see_heading("Change your password")
    assert browser.path == "/console/account/password"


def test_no_other_site_is_gone_to(stage):
    browser = stage.browser()
    for place in ("https://evil.example/", "//evil.example", "/console/..//evil.example", "/v1/version"):
        browser.go(f"/console/sign-in?to={place}")
        action = browser.page.locator("main form").get_attribute("action")
        assert action == "/console/sign-in", (place, action)


def test_the_cookie_is_out_of_reach_for_scripts(stage):
    browser = stage.owner_in()
    cookie = next(one for one in browser.context.cookies() if one["name"] == "__Host-tidegate")
    assert cookie["httpOnly"] and cookie["secure"]
    assert cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    assert browser.page.evaluate("document.cookie") == ""


def test_the_first_page_is_light_and_quick(stage):
    browser = stage.browser()
    answers = []
    browser.page.on("response", lambda answer: answers.append(answer))
    began = time.monotonic()
    browser.go("/console/sign-in")
    browser.page.wait_for_load_state("networkidle")
    taken = time.monotonic() - began
    bytes_of = [len(answer.body()) for answer in answers]
    print(f"the first page: {sum(bytes_of)} bytes in {len(bytes_of)} answers, {taken:.2f} s")
    assert sum(bytes_of) < 150_000, bytes_of


def test_a_lost_connection_is_said_and_comes_back(stage):
    browser = stage.owner_in()
    browser.allowed = ["htmx:", "net::ERR"]
    browser.go("/console/account/password")
    browser.fill(new_password="amber orchard over stone", password="x", code="123456")
    browser.context.set_offline(True)
    browser.press("Change the password")
    browser.see("No connection to the server")
    browser.looks_right("connection-lost")
    assert browser.value("code") == "123456"
    browser.context.set_offline(False)
    browser.see("The connection is back")
    browser.press("Change the password")
    browser.see("not right")


def test_whoever_comes_too_late_is_told_what_to_do(stage):
    browser = stage.browser()
    browser.go("/console/signed-in")
    browser.see("kept no cookie")
    browser.looks_right("no-cookie")
    browser.go("/console/shown-once/0000")
    browser.see_heading("That was done already")
    browser.looks_right("shown-before")


def test_what_is_not_there_is_a_page_that_helps(stage):
    browser = stage.owner_in()
    assert browser.go("/console/projects/nowhere").status == 404
    assert browser.heading() == "There is nothing here"
    assert browser.page.locator(".person").get_by_role("button", name="Sign out").is_visible()
    browser.looks_right("not-there")
    browser.follow("To the console")
    browser.see_heading("default")
