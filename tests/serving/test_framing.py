"""A request is whole at its last byte, never before; what cannot become one waits for nothing."""

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData, ParseException
from gunicorn.http.parser import RequestParser

from gateway.serving.framing import HEAD_BYTES, Incoming
from gateway.serving.listener import Listener
from tests.each import each

LARGEST = 1000
LINE = b"POST / HTTP/1.1\r\nHost: g\r\n"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"

WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: g\r\n\r\n",
    "an empty body": LINE + b"Content-Length: 0\r\n\r\n",
    "a body": LINE + b"content-length:  3 \r\n\r\nabc",
    "an empty line first": b"\r\n" + LINE + b"\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    "chunks": CHUNKED + b"3\r\nabc\r\n0A;x=1\r\n0123456789\r\n0\r\n\r\n",
    "a length with zeros": LINE + b"Content-Length: 0000000000000003\r\n\r\nabc",
    "a chunk's size with zeros": CHUNKED + b"0" * 20 + b"1\r\na\r\n0\r\n\r\n",
    "a trailer": CHUNKED + b"3\r\n\r\n0\r\n0\r\nX: 1\r\n\r\n",
}
HOPELESS = {
    "a bare line feed": (b"GET / HTTP/1.1\n", 1),
    "a bare line feed in the head": (b"GET / HTTP/1.1\r\nHost: g\n", 1),
    "two lengths": (LINE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 4),
    "a length and chunks": (LINE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 4),
    "a length that is none": (LINE + b"Content-Length: -1\r\n\r\n", 4),
    "an unknown coding": (LINE + b"Transfer-Encoding: gzip\r\n\r\n", 4),
    "a chunk without a size": (CHUNKED + b"zz\r\n", 2),
    "a chunk of another size": (CHUNKED + b"1\r\nabc", 1),
}


def received(data: bytes) -> Incoming:
    incoming = Incoming(LARGEST)
    incoming.received += data
    return incoming


def parsed(incoming: Incoming) -> bytes:
    parser = RequestParser(Config(), (), ("192.0.2.1", 1))
    parser.unreader = incoming
    incoming.hand_over()
    body: bytes = next(parser).body.read()
    return body


@each("sent", WHOLE.values())
def test_a_request_is_whole_at_its_last_byte_and_read_without_waiting(sent: bytes) -> None:
    incoming = received(b"")
    for at in range(len(sent)):
        assert not incoming.is_whole(), sent[:at]
        incoming.received += sent[at : at + 1]
    assert incoming.is_whole()
    parsed(incoming)
    assert received(sent).is_whole()


@each("sent, last", HOPELESS.values())
def test_what_no_more_bytes_can_mend_is_refused_at_once(sent: bytes, last: int) -> None:
    assert not received(sent[:-last]).is_whole()
    incoming = received(sent)
    assert incoming.is_whole()
    with pytest.raises(ParseException):
        parsed(incoming)


def test_a_head_without_an_end_is_refused_and_not_read_on() -> None:
    field = b"X: " + b"a" * 1000 + b"\r\n"
    incoming = received(LINE + field * (HEAD_BYTES // len(field)))
    assert not incoming.is_whole()
    incoming.received += field
    assert incoming.is_whole()
    with pytest.raises(LimitRequestHeaders):
        parsed(incoming)


def test_a_chunk_whose_size_no_machine_counts_ends_like_one_that_is_cut_off() -> None:
    huge = received(CHUNKED + b"f" * 17 + b"\r\n")
    assert huge.is_whole()
    with pytest.raises(NoMoreData):
        parsed(huge)


LONG = b"X: " + b"a" * 1000 + b"\r\n"
ODD = {
    "a bare line feed before the end": LINE + b"X: 1\nExpect: more\r\n\r\n",
    "a head that is too long": LINE + LONG * 40 + b"\r\n",
    "a trailer that is too long": CHUNKED + b"0\r\n" + LONG * 40 + b"\r\n",
}


@each("sent", ODD.values())
def test_what_is_refused_is_refused_the_same_whenever_it_arrives(sent: bytes) -> None:
    at_once, bit_by_bit = received(sent), received(b"")
    for at in range(len(sent)):
        bit_by_bit.received += sent[at : at + 1]
        if bit_by_bit.is_whole():
            break
    assert at_once.is_whole()
    assert at_once.received == bit_by_bit.received
    with pytest.raises(ParseException):
        parsed(at_once)


def test_of_a_body_too_large_no_more_is_taken_than_shows_it() -> None:
    stated = received(LINE + b"Content-Length: %d\r\n\r\n" % (LARGEST + 1))
    assert stated.is_whole()
    with pytest.raises(NoMoreData):
        parsed(stated)
    unstated = received(CHUNKED + b"ffff\r\n" + bytes(LARGEST - 1))
    assert not unstated.is_whole()
    unstated.received += b"a"
    assert unstated.is_whole()


def test_chunks_that_are_mostly_framing_end_as_well() -> None:
    tiny = received(CHUNKED + b"1;%b\r\na\r\n" % (b"x" * 4000) * 30)
    assert tiny.is_whole()
    with pytest.raises(NoMoreData):
        parsed(tiny)


def test_a_body_is_given_to_the_parser_in_small_pieces() -> None:
    """gunicorn copies all that it holds for each chunk: of a whole body, half a minute long."""
    incoming = Incoming(Listener.largest_body)
    incoming.received += CHUNKED + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n"
    assert incoming.is_whole()
    given: list[int] = []
    chunk = incoming.chunk

    def noted(size_hint: int | None = None) -> bytes:
        data: bytes = chunk(size_hint)
        given.append(len(data))
        return data

    incoming.chunk = noted  # type: ignore[method-assign]
    assert len(parsed(incoming)) == 10_000
    assert max(given) <= 8192


def test_what_follows_a_request_is_the_beginning_of_the_next() -> None:
    incoming = received(WHOLE["a body"] + b"GET /next")
    assert incoming.is_whole()
    assert parsed(incoming) == b"abc"
    incoming.take_back()
    assert not incoming.is_whole()
    assert incoming.received == b"GET /next"
