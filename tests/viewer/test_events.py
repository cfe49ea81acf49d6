"""What happens is told to everybody who listens, and nobody makes the server keep it."""

import asyncio

import pytest
from aiohttp import ClientError

from batchgen.viewer import News
from batchgen.viewer.events import MOST_WAITING, Listener, Listeners, message
from tests.patience import PATIENCE
from tests.viewer.conftest import ListSource, served


async def test_several_viewers_are_told_the_same() -> None:
    """Images and progress come to each, in order, after what each knows already."""
    images = b'event: images\ndata: {"count":1,"texts":["</script>\\n\\u2028"]}\n'
    async with served(source := ListSource()) as visitor:
        await visitor.enter()
        again = {"Last-Event-ID": "t8"}
        async with visitor.get("/events?since=t7") as one, visitor.get("/events", headers=again) as two:
            for stream in (one, two):
                assert await stream.content.readline() == b"id: t0\n"
            source.told.append(News({"state": "drawing"}, {"count": 1, "texts": ["</script>\n\u2028"]}, "t1"))
            for stream in (one, two):
                await asyncio.wait_for(stream.content.readuntil(images), PATIENCE)
        assert {"t7", "t8"} <= set(source.asked_since)


async def test_a_folder_that_is_away_ends_the_stream_and_no_more() -> None:
    """The browser comes back by itself: what was begun as a stream of events is cut, and gets no other answer."""
    async with served(source := ListSource(away=True)) as visitor:
        await visitor.enter()
        async with visitor.get("/events") as stream:
            assert (stream.status, stream.content_type) == (200, "text/event-stream")
            with pytest.raises(ClientError):
                await stream.read()
        source.away = False
        async with visitor.get("/events") as stream:
            assert await stream.content.readline() == b"id: t0\n"


async def test_who_does_not_keep_up_is_dropped() -> None:
    """So many messages wait for one listener, and no more."""
    everyone = Listeners()
    async with everyone.one_more() as slow, everyone.one_more() as quick:
        for number in range(MOST_WAITING + 1):
            everyone.tell(message("progress", {"number": number}))
            assert b"number" in await quick.next(1)
        assert slow.dropped
        assert not quick.dropped


async def test_a_silent_stream_says_that_it_is_there() -> None:
    """A comment comes when there is nothing to tell."""
    assert await Listener().next(0.01) == b":\n\n"


def test_a_message_is_one_message() -> None:
    """Whatever the texts hold, it begins no other one."""
    said = message("images", {"texts": ["a\n\nevent: x\ndata: y\r\r\u2028"]}, "7")
    assert said.count(b"\n\n") == 1
    assert said.startswith(b"id: 7\nevent: images\ndata: ")
    assert b"\r" not in said
