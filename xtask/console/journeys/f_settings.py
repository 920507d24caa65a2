"""Projects: another one, from one to the other, renamed, deleted."""


def test_a_project_is_made_visited_renamed_and_deleted(stage):
    browser = stage.owner_in()
    browser.follow_to("Settings")
    browser.see_heading("Settings")
    browser.looks_right("settings")
    browser.follow("Make another project")
    browser.fill(name="north/south")
    browser.press("Make the project")
    browser.error_of("name")
    browser.fill(name="north & south")
    browser.press("Make the project")
    browser.error_of("code")
    browser.looks_right("another-project")
    browser.fill(code=stage.owner.code())
    # The second click asks for nothing: the token is in the only answer.
    browser.page.get_by_role("button", name="Make the project").dblclick()
    browser.see_heading("north & south is made")
    browser.looks_right("project-made")
    browser.keep_session(stage.owner)
    assert browser.page.locator(".copy code").inner_text().startswith("tg_")

    browser.follow("To north & south")
    browser.see_heading("north & south")
    browser.page.locator(".projects summary").click()
    browser.looks_right("home-projects")
    browser.click(browser.page.locator(".projects").get_by_role("link", name="default"))
    browser.see_heading("default")

    browser.go("/console/projects/north%20%26%20south/settings")
    browser.fill(name="north")
    browser.press("Rename")
    browser.see("The project has this name now")
    browser.follow("Delete this project")
    browser.see_heading("Delete “north”?")
    browser.looks_right("delete-project")
    browser.press("Delete this project")
    browser.see_heading("default")
    assert browser.page.locator(".projects").count() == 0


def test_the_last_project_stays(stage):
    browser = stage.owner_in()
    browser.go("/console/projects/default/settings/delete")
    browser.press("Delete this project")
    browser.see_heading("Delete “default”?")
    assert browser.page.get_by_role("alert").inner_text()
