"""Who did what."""


def test_the_audit_is_read_and_searched(stage):
    browser = stage.owner_in()
    browser.follow_to("Audit")
    browser.see_heading("Audit")
    browser.looks_right("audit")
    browser.fill(action="person.create")
    browser.press("Search")
    browser.page.wait_for_url(lambda url: "action=person.create" in url)
    browser.fill(action="no.such.thing")
    browser.press("Search")
    browser.see("No entry fits all that you ask for")
    browser.looks_right("audit-nothing")
