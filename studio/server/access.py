"""The token that keeps other users of a machine out, and whether there are others."""

import os
import pwd
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkstemp

_FIRST_PERSON = 501 if sys.platform == "darwin" else 1000
"""The first user number of people: UID_MIN of /etc/login.defs; macOS counts them from 501."""
_NOBODY = 65534
_SHORTEST = 32
_NO_SHELLS = ("nologin", "false", "sync", "shutdown", "halt")


def is_shared(accounts: Iterable[pwd.struct_passwd] | None = None, own: int | None = None) -> bool:
    """True where other people may be on this machine.

    That is: it has an account of another person (a number from 1000 on, of macOS from 501, with a shell), or one's own
    account is from a directory of accounts (LDAP), which need not list the others. `accounts` and `own` are for tests.
    """
    accounts, own = list(pwd.getpwall() if accounts is None else accounts), os.getuid() if own is None else own
    if own not in {one.pw_uid for one in accounts}:
        return True
    return any(
        _FIRST_PERSON <= one.pw_uid != own and one.pw_uid != _NOBODY and Path(one.pw_shell).name not in _NO_SHELLS
        for one in accounts
    )


def token_file(home: Path) -> Path:
    """The file `token` of an installation's home, made where it is missing: only its user can read it."""
    path = home / "token"
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = mkstemp(prefix="token.", suffix=".part", dir=home)  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(made, path)  # the first of several processes decides
        except FileExistsError:
            pass
        finally:
            Path(made).unlink()
    return path


def read_token(path: Path | None) -> str | None:
    """The token in a file; None for None.

    Raises RuntimeError where another user can read or change the file, or where it holds no token.
    """
    if path is None:
        return None
    status = path.stat()
    if status.st_mode & 0o077 or status.st_uid != os.getuid():
        raise RuntimeError(f"{path}: others can read or change the token; remove the file, and it is made anew")
    token = path.read_text().strip()
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable():
        raise RuntimeError(f"{path}: holds no token; remove the file, and it is made anew")
    return token
