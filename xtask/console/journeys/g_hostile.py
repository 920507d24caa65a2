"""Texts that would run if a page let them: a dialog, or a word of the browser that it forbade
something, fails the journey."""

TEXTS = [
    "<script>alert(1)</script>",
    "\"><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "'\"><svg onload=alert(4)>",
    "</title></textarea><iframe srcdoc='<script>alert(5)</script>'>",
    "<details open ontoggle=alert(6)>",
    "<input autofocus onfocus=alert(7)>",
    "javascript:alert(8)",
    "<a href=javascript:alert(9)>x</a>",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "<form action=https://evil.example><button>x",
    "<div hx-get=/v1/version hx-trigger=load>",
    "<div hx-on:load=alert(10)>",
    "<template><script>alert(11)</script></template>",
    "<!--><img src=x onerror=alert(12)>-->",
    "{{constructor.constructor('alert(13)')()}}",
    "&lt;script&gt;alert(14)&lt;/script&gt;",
    "\u202e<script>alert(15)</script>",
]


def test_hostile_texts_are_shown_and_never_run(stage):
    for number, text in enumerate(TEXTS):
        pool = {"name": f"hostile {number}", "description": text, "schema": "open"}
        stage.api("POST", "/v1/pools", pool)
    stage.api("POST", "/v1/pools/hostile 0/records".replace(" ", "%20"), [{"page": "/"}, {"page": "/"}])
    browser = stage.owner_in()
    browser.go("/console/projects/default")
    shown = browser.page.locator("main .under").all_inner_texts()
    assert set(shown) == set(TEXTS), shown
    browser.looks_right("home")
    browser.go("/console/projects/default/audit?action=pool.create")
    for details in browser.page.locator("td details summary").all()[:20]:
        details.click()
    assert browser.page.locator("main script, main iframe, main img, main meta, main base").count() == 0
    browser.go("/console/projects/default/audit?about=%3Cscript%3Ealert(1)%3C/script%3E")
    assert browser.value("about") == "<script>alert(1)</script>"
    # What is refused comes back in a form, too.
    browser = stage.owner_in(scripts=False)
    browser.go("/console/projects/default/settings")
    for text in (text for text in TEXTS if "/" in text or ":" in text):
        browser.fill(name=text)
        browser.press("Rename")
        browser.error_of("name")
        assert browser.value("name") == text
