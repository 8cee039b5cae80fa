"""What is refused is said in words to people and as JSON to programs, with the headers that belong to it."""

import html
import re
from urllib.parse import parse_qs, urlparse

import pytest
from fastapi import HTTPException

from .routes import addresses_of

OBJECTS = "/plans/shop/points/20261122T130000Z-incremental-bbbbbbbb/objects"
OBJECT = OBJECTS.removesuffix("s")


def words(answer):
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    assert answer.text.rstrip().endswith("</html>")
    content = answer.text.partition("<main")[2].partition(">")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", content).split()))


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/plans/SHOP", 404, "Nothing has this address; the list of plans leads to all that there is."),
        ("/nowhere", 404, "Nothing has this address"),
        ("/plans/nothing", 404, "There is no plan nothing"),
        (f"{OBJECTS}?page=0", 422, 'The number of the page must be at least 1 (it is "0").'),
        (f"{OBJECTS}?page=abc", 422, 'The number of the page must be a whole number (it is "abc").'),
        (f"{OBJECTS}?q={'x' * 201}", 422, "The search must be at most 200 characters long"),
        (f"{OBJECTS}?kind=a-b", 422, "The kind has characters that no name has."),
        (OBJECT, 422, "The object is missing."),
    ],
)
def test_people_are_told_in_words(pages, address, status, said):
    answer = pages().get(address)
    assert answer.status_code == status
    assert said in words(answer)
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_what_people_typed_is_shown_as_text(pages):
    answer = pages().get(f"{OBJECTS}?page=<script>")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_programs_are_told_as_json(pages):
    answer = pages().get(f"/api{OBJECTS}?page=0")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "page"]
    assert pages().get("/api/nowhere").json() == {"detail": "Not Found"}


def test_who_is_logged_out_finds_the_login_and_comes_back(pages):
    answer = pages(user=False).get(f"{OBJECTS}?q=web&page=2")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "You were logged out, or your login has expired." in words(answer)
    (link,) = re.findall(r'href="([^"]*auth/login[^"]*)"', answer.text)
    link = urlparse(link.replace("&amp;", "&"))
    assert link.path == "/api/v2/auth/login"
    assert parse_qs(link.query) == {"next": [f"{OBJECTS}?q=web&page=2"]}


@pytest.mark.parametrize("address", [OBJECTS, f"/api{OBJECTS}", "/assets/pages.css", "/"])
def test_what_can_only_be_read_says_so(pages, address):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = pages().ask(method, address)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), (method, address)


def test_every_page_answers_head_as_it_answers_get_but_without_content(pages):
    shown = pages()
    for address in addresses_of(shown.application):
        there = shown.settled(address)
        head = shown.ask("HEAD", address)
        assert head.status_code == there.status_code, address
        assert head.headers["content-type"] == there.headers["content-type"], address
        assert head.content == b"", address


def test_an_error_keeps_its_headers_on_a_page(pages):
    application = pages().application

    @application.get("/later")
    def later() -> None:
        raise HTTPException(503, "The vault is being read.", {"Retry-After": "7"})

    answer = pages().get("/plans/nothing")
    assert "retry-after" not in answer.headers
    shown = pages()
    shown.application = application
    answer = shown.get("/later")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert "The vault is being read." in words(answer)


def test_a_page_has_a_place_where_a_failed_look_is_told(pages):
    text = pages().settled("/plans/shop").text
    assert re.search(r'<div id="stale"[^>]* role="status" data-login="/api/v2/auth/login"></div>', text)
