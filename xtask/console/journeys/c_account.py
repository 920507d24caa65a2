"""The person's own page."""

from playwright.sync_api import expect


def test_sessions_are_listed_and_ended(stage):
    browser = stage.owner_in()
    other = stage.owner_in(anew=True)
    browser.go("/console/account")
    browser.looks_right("account")
    assert browser.page.locator(".tag", has_text="this one").count() == 1
    # This one stands first, and behind it the newest of the others.
    assert "this one" in browser.page.locator("tbody tr").first.inner_text()
    browser.click(browser.page.locator("tbody tr").nth(1).get_by_role("link"))
    browser.see_heading("End a session?")
    browser.looks_right("end-session")
    browser.press("End the session")
    browser.see("The session has ended.")
    other.go("/console/account")
    assert other.path.startswith("/console/sign-in")


def test_the_password_changes_and_every_other_session_ends(stage):
    other = stage.owner_in(anew=True)
    browser = stage.owner_in()
    browser.go("/console/account/password")
    browser.looks_right("password")
    browser.fill(new_password="12345", password=stage.owner.password, code=stage.owner.code())
    browser.unchecked()
    browser.press("Change the password")
    assert "15" in browser.error_of("new_password")
    browser.fill(
        new_password="amber orchard over stone", password=stage.owner.password,
        code=stage.owner.code(),
    )
    browser.press("Change the password")
    browser.see("The password was changed")
    stage.owner.password = "amber orchard over stone"
    other.go("/console/account")
    assert other.path.startswith("/console/sign-in")


def test_an_invitation_is_taken_by_whoever_is_here(stage):
    browser = stage.owner_in()
    browser.go("/console/account")
    browser.follow("Take an invitation")
    browser.see_heading("Join another project")
    browser.fill(invitation="A" * 43)
    browser.press("Join")
    assert "does not count for you" in browser.error_of("invitation")
    browser.looks_right("join-here")
    # From a link, by the page of those who are new.
    browser.go("/console/join#" + "B" * 43)
    browser.follow("Take the invitation with it")
    browser.see_heading("Join another project")
    expect(browser.page.locator("[name=invitation]")).to_have_value("B" * 43)


def test_the_app_and_the_recovery_codes_are_renewed(stage):
    browser = stage.owner_in()
    browser.go("/console/account/codes")
    browser.looks_right("codes")
    browser.fill(password=stage.owner.password)
    browser.page.get_by_text("I do not have the app").click()
    browser.fill(recovery_code=stage.owner.recovery.pop())
    browser.press("Show new ones")
    browser.see_heading("Keep your secret and your codes")
    old = stage.owner.recovery
    secret = browser.page.locator("[data-secret=app]").inner_text()
    codes = browser.page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10 and not set(old) & set(codes)
    browser.looks_right("codes-renewed")
    browser.fill(code="000000")
    browser.press("Switch to the new app")
    assert "does not show this code" in browser.error_of("code")
    browser.looks_right("codes-confirm")
    stage.owner.secret = secret.replace(" ", "")
    stage.owner.recovery = codes
    browser.fill(code=stage.owner.code())
    browser.press("Switch to the new app")
    browser.see("count now")
    browser.see("10 recovery codes are left.")
