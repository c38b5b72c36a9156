"""The program that lets HAProxy take up renewed files: what changed, once; again when refused."""

import importlib.util
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "deploy" / "haproxy" / "refresh.py"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("refresh", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh = load()


class Proxy:
    """HAProxy's two sockets, which write down what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.answers = {"set": "transaction created!", "commit": "Success!", "reload": "Success=1"}
        self._listeners = [self._listen(folder / name) for name in ("admin.sock", "master.sock")]

    def _listen(self, path: Path) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                command = line.recv(1 << 20).decode()
                self.asked.append(command)
                line.sendall(self.answers.get(command.split()[0], "").encode())

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as place:  # short: a socket's path has 107 characters
        listening = Proxy(Path(place))
        yield listening
        listening.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (refresh.LIST, *refresh.OTHERS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("first\n")
    return tmp_path


def replace(file: Path, text: str) -> None:
    (file.parent / "new").write_text(text)
    (file.parent / "new").replace(file)


def test_a_new_list_is_given_whole_and_once(proxy, folder):
    given = refresh.versions(folder)
    assert refresh.refresh(proxy.folder, folder, given) == ""
    assert proxy.asked == []
    crl = folder / refresh.LIST
    replace(crl, "first\n\nsecond\n")
    for _ in range(2):
        assert refresh.refresh(proxy.folder, folder, given) == ""
    given_whole = f"set ssl crl-file {crl} <<\nfirst\nsecond\n\n"
    assert proxy.asked == [given_whole, f"commit ssl crl-file {crl}\n"]


@pytest.mark.parametrize("name", refresh.OTHERS)
def test_a_new_certificate_or_authority_is_one_reload_with_all_files(proxy, folder, name):
    given = refresh.versions(folder)
    replace(folder / name, "second\n")
    replace(folder / refresh.LIST, "second\n")
    for _ in range(2):
        assert refresh.refresh(proxy.folder, folder, given) == ""
    assert proxy.asked == ["reload\n"]


@pytest.mark.parametrize("step", ["set", "commit", "reload"])
def test_what_is_refused_is_told_and_tried_again(proxy, folder, step):
    proxy.answers[step] = "unable to load"
    given = refresh.versions(folder)
    replace(folder / (refresh.OTHERS[0] if step == "reload" else refresh.LIST), "second\n")
    for _ in range(2):
        assert refresh.refresh(proxy.folder, folder, given).endswith("unable to load")
    proxy.answers[step] = "Success=1 transaction"
    proxy.answers["commit"] = "Success!"
    assert refresh.refresh(proxy.folder, folder, given) == ""


def test_without_a_proxy_or_a_file_the_exit_status_tells(folder, proxy):
    assert refresh.main([str(proxy.folder), str(folder)]) == 0
    assert refresh.main([str(folder), str(folder)]) == 1
    (folder / refresh.LIST).unlink()
    assert refresh.main([str(proxy.folder), str(folder)]) == 1
