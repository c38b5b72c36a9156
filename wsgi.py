"""WSGI entry points for other servers: `wsgi:partners()`, `wsgi:public()` and `wsgi:console()`.

The operator's folder is the working folder, or the one named by CASEGATE_FOLDER. `casegate run`
is the usual way: it brings TLS, deadlines and supervision along.
"""

import os
from pathlib import Path

from flask import Flask

from gateway import apps, wiring


def partners() -> Flask:
    """The partners' app: over TLS with client certificates, or a unix socket behind a proxy."""
    return _make(apps.Audience.PARTNERS)


def public() -> Flask:
    """The public app."""
    return _make(apps.Audience.PUBLIC)


def console() -> Flask:
    """The console's app, where [console] url is set."""
    return _make(apps.Audience.CONSOLE)


def _make(part: apps.Audience) -> Flask:
    folder = Path(os.environ.get("CASEGATE_FOLDER", ".")).absolute()
    config = wiring.load_config(folder)
    if part is apps.Audience.CONSOLE:
        wiring.open_console_folder(config)
    return apps.make_app(part, wiring.connect(config))
