"""The pages in a real browser: they work, they look at nobody but the server, and they complain about nothing.

Screenshots are kept in `tests/.cache/screenshots`. `LINNET_CHROMIUM` names another browser than Debian's.
"""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

import pytest
from conftest import CACHE
from playwright.sync_api import expect, sync_playwright

CHROMIUM = os.environ.get("LINNET_CHROMIUM") or shutil.which("chromium")
SCREENSHOTS = CACHE / "screenshots"
MILLISECONDS = 60_000

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not here; tests/run says so")


@pytest.fixture(scope="module")
def browser():
    """A headless browser."""
    with sync_playwright() as playwright:
        # Its sandbox cannot be had as root in a container; it visits only the server under test.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def complaints():
    """What the browser complains of; a test takes out what it expects."""
    return []


@pytest.fixture
def page(browser, linnet, complaints):
    """A page that fails the test if it asked another host for anything, or complained."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    expect.set_options(timeout=MILLISECONDS)
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    own = urlsplit(linnet).netloc
    foreign = [url for url in requested if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own]
    assert not foreign
    assert not complaints
    assert any(urlsplit(url).path == "/openapi.json" for url in requested)


def keep(page, name: str, whole: bool = True) -> None:
    """Keep a picture of the page, or of what is seen of it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    print(f"screenshot: {path}")


def test_docs_answers_a_prediction(page, linnet, document):
    page.goto(f"{linnet}/docs")
    expect(page).to_have_title(f"{document['info']['title']} - Swagger UI")
    expect(page.locator(".opblock")).to_have_count(sum(len(item) for item in document["paths"].values()))
    keep(page, "docs")
    operation = page.locator("#operations-Prediction-predict")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("tr[data-param-name=top_k] input").fill("2")
    operation.get_by_role("button", name="Execute", exact=True).click()
    answer = operation.locator(".live-responses-table .response").first
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text('"predicted_tag": "natural-language-processing"')
    expect(answer).to_contain_text('"probability": 0.9')
    expect(answer).to_contain_text("Generative adversarial networks in both PyTorch and TensorFlow.")
    keep(page, "docs-predicted")


def test_docs_shows_a_refusal(page, linnet, complaints):
    page.goto(f"{linnet}/docs#/Prediction/predict")
    operation = page.locator("#operations-Prediction-predict")
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea.body-param__text").fill('{"texts": []}')
    # The page sends what it is given; the server judges.
    with page.expect_response(lambda response: response.url.endswith("/predict")) as sent:
        operation.get_by_role("button", name="Execute", exact=True).click()
    assert sent.value.status == 422
    expect(operation.locator(".live-responses-table")).to_contain_text("List of texts to classify cannot be empty.")
    complaints.remove("Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)")


def test_redoc_shows_every_operation(page, linnet, document):
    page.goto(f"{linnet}/redoc")
    expect(page).to_have_title(f"{document['info']['title']} - ReDoc")
    for path, item in document["paths"].items():
        for operation in item.values():
            section = page.locator(f"[id$='operation/{operation['operationId']}']").first
            expect(section).to_contain_text(operation["summary"])
            expect(section).to_contain_text(path)
    expect(page.locator("[id$='operation/predict']").first).to_contain_text("probabilities")
    keep(page, "redoc", whole=False)
    page.locator("[id$='operation/predict']").first.scroll_into_view_if_needed()
    keep(page, "redoc-predict", whole=False)
    # The search runs in a worker, which the page's policy must let it have.
    page.locator("input[placeholder='Search...']").fill("Prometheus")
    expect(page.locator("[data-role='search:results']")).to_contain_text("Prometheus")
