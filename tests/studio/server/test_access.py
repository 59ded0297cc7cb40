"""When a token is asked for by default, how it is kept, and who may read a new home."""

import pwd
from concurrent.futures import ThreadPoolExecutor

import pytest

from assets.home import Home
from studio.progress import open_progress
from studio.server.access import is_shared, read_token, token_file


def account(number: int, shell: str = "/bin/bash") -> pwd.struct_passwd:
    return pwd.struct_passwd((f"user{number}", "x", number, number, "", f"/home/user{number}", shell))


ROOT, NOBODY, DAEMON = account(0), account(65534, "/usr/sbin/nologin"), account(1, "/usr/sbin/nologin")


@pytest.mark.parametrize(
    ("others", "own", "shared"),
    [
        ([], 0, False),
        ([account(1000)], 1000, False),
        ([account(999)], 1000, True),  # one's own account is from a directory, which need not list the others
        ([account(999), account(1000)], 1000, False),  # a system's account with a shell, such as PostgreSQL's
        ([account(1000), account(1001)], 1000, True),
        ([account(1000)], 0, True),
        ([account(1000), account(1001, "/usr/sbin/nologin"), account(1002, "/bin/false")], 1000, False),
        ([account(1000), account(65534, "/bin/bash")], 1000, False),
    ],
)
def test_a_machine_is_shared_where_other_people_have_accounts(others, own, shared):
    assert is_shared([ROOT, NOBODY, DAEMON, *others], own) is shared


def test_the_token_is_made_once_and_only_its_user_can_read_it(tmp_path):
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: read_token(token_file(home)), range(8)))
    assert len(tokens) == 1
    assert len(tokens.pop() or "") >= 43  # 32 random bytes
    assert [path.name for path in home.iterdir()] == ["token"]
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "token").stat().st_mode & 0o777 == 0o600
    assert read_token(token_file(tmp_path / "other")) != read_token(home / "token")
    assert read_token(None) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_token_that_others_can_read_or_change_is_refused(tmp_path, mode):
    path = token_file(tmp_path)
    path.chmod(mode)
    with pytest.raises(RuntimeError, match="others can read or change the token"):
        read_token(path)


@pytest.mark.parametrize("text", ["", "short", "x" * 20 + "\n" * 30, "\u00fc" * 40])
def test_a_file_that_holds_no_token_is_refused(tmp_path, text):
    path = token_file(tmp_path)
    path.write_text(text)
    with pytest.raises(RuntimeError, match="holds no token"):
        read_token(path)


def test_a_new_home_is_its_users_alone_and_one_that_is_there_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")  # which `prepare` sets
    for name, mode in (("new", 0o700), ("shared", 0o750)):
        monkeypatch.setenv("TINTOON_HOME", str(tmp_path / name))
        if name == "shared":
            (tmp_path / name).mkdir(mode=mode)
        with open_progress():  # the first that a command makes
            pass
        assert (tmp_path / name / "logs").exists()
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
    Home.of({"TINTOON_HOME": str(tmp_path / "other")}).prepare()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700
