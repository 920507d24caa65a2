"""The first owner, from an empty server to the first page."""

from stage import PASSWORD, Person


def test_the_front_door_leads_to_the_set_up(stage):
    browser = stage.browser()
    browser.go("/")
    assert browser.path == "/console/set-up"
    assert browser.heading() == "Set up Tidegate"
    browser.looks_right("set-up")
    browser.go("/console/sign-in")
    assert browser.path == "/console/set-up"


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(stage):
    browser = stage.browser()
    browser.go("/console/set-up")
    browser.fill(master="nonsense", sign_in="ada@example.com", name="Ada", password="short")
    # The browser says it first; here the server is to say it.
    browser.unchecked()
    browser.press("Make me the owner")
    assert "15" in browser.error_of("password")
    assert browser.value("sign_in") == "ada@example.com" and browser.value("name") == "Ada"
    assert browser.value("password") == "" and browser.value("master") == ""
    assert browser.page.evaluate("document.activeElement.name") == "password"
    browser.see("Type the master token again, too.")
    browser.looks_right("set-up-refused")
    browser.fill(master="nonsense", password=PASSWORD)
    browser.press("Make me the owner")
    assert "master key" in browser.error_of("master")


def test_the_first_owner_is_made_and_signs_in_with_the_app(stage):
    browser = stage.browser()
    browser.go("/console/set-up")
    browser.fill(
        master=stage.master, sign_in="ada@example.com", name="Ada Lovelace", password=PASSWORD
    )
    # The second click asks for nothing: the secrets are in the only answer.
    browser.page.get_by_role("button", name="Make me the owner").dblclick()
    browser.see_heading("Keep your secret and your codes")
    stage.owner = who_is_shown(browser, "ada@example.com")
    assert len(stage.owner.recovery) == 10
    browser.looks_right("once")
    browser.follow("I have kept both: sign in")
    browser.see_heading("Sign in")
    browser.looks_right("sign-in")
    browser.fill(sign_in="ada@example.com", password=PASSWORD, code=stage.owner.code())
    browser.press("Sign in")
    browser.see_heading("default")
    browser.looks_right("home-empty")


def who_is_shown(browser, sign_in):
    """The person whose app and recovery codes a page shows."""
    secret = browser.page.locator("[data-secret=app]").inner_text()
    codes = browser.page.locator(".codes code").all_inner_texts()
    return Person(sign_in, secret, codes)
