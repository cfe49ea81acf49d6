"""Nobody gets at the page but who was given its address, in a browser that came there on purpose."""

import asyncio
import zipfile
from io import BytesIO

import pytest
from aiohttp import ClientSession
from yarl import URL

from batchgen.viewer.access import HEADERS, cookie
from batchgen.viewer.server import MOST_BODY
from tests.viewer.conftest import PNG, ListSource, served

PATHS = ("/", "/page.js", "/data.json", "/image/0", "/thumb/0", "/events", "/zip/x", "/nowhere", "/favicon.ico")
CHANGES = ("/api/decisions", "/api/control", "/api/zip", "/nowhere")
GOOD_CHANGES = {
    "/api/decisions": {"decisions": []},
    "/api/control": {"do": "pause"},
    "/api/zip": {"images": [0]},
}


async def test_without_the_cookie_nothing_is_told() -> None:
    """Every document, datum, image and change is refused, whether it exists or not, with the headers of all answers."""
    async with served(source := ListSource()) as visitor:
        for path in PATHS:
            async with visitor.get(path) as answer:
                assert (path, answer.status) == (path, 401)
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        for path in CHANGES:
            async with visitor.post(path, {}) as answer:
                assert (path, answer.status) == (path, 401)
        assert source.decided == source.ordered == []


WRONG = ("", "x", "é", "' OR 1=1", "a" * 5000)


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_token_or_cookie_is_refused(wrong: str) -> None:
    """Neither opens anything, nor brings a cookie."""
    async with served(ListSource()) as visitor:
        async with visitor.get("/", params={"token": wrong}) as answer:
            assert (answer.status, answer.cookies) == (403, {})
        brought = {cookie(visitor.server.port): "".join(sign for sign in wrong if sign.isalnum() and sign.isascii())}
        async with visitor.get("/", cookies=brought) as answer:
            assert answer.status == 403


async def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    """The cookie is strict, hidden from scripts and named by the port; no answer holds the token, or another one."""
    async with served(ListSource()) as visitor:
        token = visitor.server.access.token
        async with visitor.get("/", params={"token": token, "group": "1"}) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/?group=1")
            (sent,) = answer.headers.getall("Set-Cookie")
            assert sent.startswith(f"batchgen-view-{visitor.server.port}=")
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(sent.split("; "))
            assert token not in sent
        async with visitor.get("//evil.example/", params={"token": token}) as answer:
            assert answer.headers["Location"] == "/evil.example/"
        async with await visitor.enter() as answer:
            assert (answer.status, await answer.text()) == (200, "<!doctype html>")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]


FOREIGN = ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "a@b", "0x7f.1", "")


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_foreign_host_is_refused(host: str) -> None:
    """A name that was made to lead here gets nothing, even with the cookie and the token."""
    async with served(ListSource()) as visitor:
        await visitor.enter()
        for path in (*PATHS, f"/?token={visitor.server.access.token}"):
            async with visitor.get(path, headers={"Host": host}) as answer:
                assert answer.status in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:99", "10.0.0.3", "127.1.2.3:80"])
async def test_addresses_and_localhost_are_no_foreign_hosts(host: str) -> None:
    """Nobody can make an address lead elsewhere, so tunnels and other ports may be used."""
    async with served(ListSource()) as visitor:
        await visitor.enter()
        async with visitor.get("/page.js", headers={"Host": host}) as answer:
            assert answer.status == 200


async def test_the_name_of_host_is_none_of_the_foreign_ones() -> None:
    """Who listens on a name is found under it, and under no other."""
    async with served(ListSource(), "localhost") as visitor, await visitor.enter() as answer:
        assert (answer.status, answer.url.host) == (200, "localhost")


SITES = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
)


@pytest.mark.parametrize("headers", SITES)
async def test_another_site_changes_nothing(headers: dict[str, str]) -> None:
    """With cookie and all, a change from another origin is refused before it is read."""
    async with served(source := ListSource()) as visitor:
        await visitor.enter()
        for path, value in GOOD_CHANGES.items():
            async with visitor.post(path, value, **headers) as answer:
                assert answer.status == 403
        assert source.decided == source.ordered == []


async def test_what_a_form_can_send_is_no_change() -> None:
    """Only JSON is read, and only an object."""
    async with served(source := ListSource()) as visitor:
        await visitor.enter()
        for path in GOOD_CHANGES:
            async with visitor.client.post(f"{visitor.origin}{path}", data={"decisions": "[]"}) as answer:
                assert answer.status == 415
            for body in ("[]", "{", "", "[" * 100_000, "NaN", '"x"'):
                json = {"Content-Type": "application/json"}
                async with visitor.client.post(f"{visitor.origin}{path}", data=body, headers=json) as answer:
                    assert answer.status == 400
        assert source.decided == []


async def test_a_huge_change_is_refused_unread() -> None:
    """Nobody makes the server hold more than a review of everything takes."""
    async with served(source := ListSource()) as visitor:
        await visitor.enter()
        port = visitor.server.port
        told = {
            "Host": f"127.0.0.1:{port}",
            "Cookie": f"{cookie(port)}={visitor.server.access.pass_word}",
            "Content-Type": "application/json",
            "Content-Length": str(MOST_BODY + 1),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        for path in GOOD_CHANGES:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + b"[" * 1000)
            assert b" 413 " in await asyncio.wait_for(reader.readline(), 60)
            writer.close()
        assert source.decided == []


async def test_this_page_makes_changes() -> None:
    """With the cookie and its own origin, or none where no browser asks."""
    async with served(source := ListSource()) as visitor:
        await visitor.enter()
        for more in ({}, {"Origin": visitor.origin, "Sec-Fetch-Site": "same-origin"}):
            async with visitor.post("/api/decisions", {"decisions": [1]}, **more) as answer:
                assert await answer.json() == {"taken": 1, "left_out": [""]}
        assert source.decided == [1, 1]


STRAY = ("/image/..%2f..%2fetc%2fpasswd", "/image/../ledger.db", "/image/-1", "/image/1e3", "/image/99999999999",
         "/image/%00", "/image/0/x", "/image/", "/thumb/../../ledger.db", "/image/3", "/image/٣", "/ledger.db",
         "/report/report.html", "/page.py", "/zip/..%2f", "/image/0%2f..")  # fmt: skip


@pytest.mark.parametrize("path", STRAY)
async def test_only_numbers_lead_to_images(path: str) -> None:
    """Nothing else is an address: no path, no name, no number that was not given."""
    async with served(ListSource()) as visitor:
        await visitor.enter()
        async with visitor.client.get(URL(f"{visitor.origin}{path}", encoded=path.isascii())) as answer:
            assert answer.status == 404


async def test_an_image_is_painted_and_nothing_else() -> None:
    """It comes with its own kind, which no browser guesses again; an SVG, which may run, does not come at all."""
    async with served(ListSource()) as visitor:
        await visitor.enter()
        async with visitor.get("/image/0") as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "\n" not in answer.headers["Content-Disposition"]
            mark = answer.headers["ETag"]
        async with visitor.get("/image/0", headers={"If-None-Match": mark}) as answer:
            assert answer.status == 304
        async with visitor.get("/image/1") as answer:
            assert answer.status == 404


async def test_chosen_images_come_as_one_file_once() -> None:
    """The file holds their bytes, under names that lead nowhere else."""
    async with served(ListSource()) as visitor:
        await visitor.enter()
        async with visitor.post("/api/zip", {"images": [4, 7]}) as answer:
            address = (await answer.json())["address"]
        async with visitor.get(address) as answer:
            assert answer.headers["Content-Disposition"] == 'attachment; filename="images.zip"'
            whole = zipfile.ZipFile(BytesIO(await answer.read()))
        assert whole.namelist() == ["shop/4.png", "shop/7.png"]
        assert {whole.read(name) for name in whole.namelist()} == {PNG}
        async with visitor.get(address) as answer:
            assert answer.status == 404


async def test_a_cookie_of_another_server_opens_nothing() -> None:
    """Each server has its own words."""
    async with served(ListSource()) as one, served(ListSource()) as other:
        await one.enter()
        mine = one.server.access.pass_word
        async with (
            ClientSession() as client,
            client.get(f"{other.origin}/", cookies={cookie(other.server.port): mine}) as answer,
        ):
            assert answer.status == 403
