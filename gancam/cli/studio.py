"""`gancam studio`: everything in a page of the browser."""

import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gancam.cli.app import Command, app
from gancam.cli.console import print_note, print_warning
from gancam.errors import InputError, MissingExtra


@app.command(cls=Command)
def studio(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Let the page open the videos and images in these folders."),
    ] = None,
    port: Annotated[int, typer.Option(help="Listen on this TCP port; 0 picks a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Listen on this address; any but 127.0.0.1 lets other machines in (needs --token).")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(help="Let in everyone who has this token, of at least 16 characters. Default: a new random one."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the page's address only.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep uploads, recordings and results here. Default: the data folder."),
    ] = None,
) -> None:
    """Open gancam as a page in your browser.

    Only this machine has access, with the random token in the printed address. Ctrl-C ends it.
    """
    try:
        from gancam.studio.app import Address, Server, make_app
        from gancam.studio.guard import new_token
        from gancam.studio.storage import Storage, usual_folder
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "gancam":
            raise
        raise MissingExtra(f'gancam studio needs {error.name}: pip install "gancam[studio]"') from error
    if token is not None and (len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token):
        raise InputError("--token: needs 16 characters or more of ASCII, without blanks")
    storage = Storage(keep or usual_folder(), folders or [])
    address = Address.bind(host, port)
    if token is None and not address.local:
        address.bound.close()
        raise InputError(
            f"--host {host}: lets other machines see your camera and files, and process files here; say --token TEXT"
        )
    token = token or new_token()
    url = address.url(token)
    if not address.local:
        print_warning(
            f"whoever reaches {host}:{address.port} and has the token sees your camera, uses your files and this "
            "machine; nothing is encrypted"
        )
    print_note(f"kept in {storage.folder}")
    print(f"gancam studio: {url}", flush=True)
    begun = (lambda: None) if no_browser else partial(_open_page, url)
    served = make_app(storage, token=token, host=host, port=address.port, local=address.local)
    Server(served, address, begun).serve_here()


def _open_page(url: str) -> None:
    """Open `url` in the browser, which may take its time."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
