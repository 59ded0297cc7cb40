"""What another site's page, or another user of the machine, tries on the real servers: Dagster's, MLflow's, the page.

Each server is the program that `tintoon up` and `tintoon page` start. The attacks are made twice: as a browser would
make them for a page of another site, with the cookie that opens the server; and without the token.
"""

import base64
import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
import requests
from playwright.sync_api import sync_playwright

from studio.server.access import read_token, token_file
from tests.installation import PROJECT, Installation, free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEPT = dg.AssetKey("kept")
WIPE = 'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["kept"]}}]) { __typename } }'
READ = "{ version }"


@dataclass(frozen=True)
class Server:
    """A running server, and the headers of a browser that has opened it."""

    name: str
    port: int
    cookie: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, method: str, path: str, body: str = "", **headers: str) -> int:
        """The status of one request, with these headers alone and a Host, unless `host` is given; "" leaves it out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = {"host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        for name, value in given.items():
            if value or name != "host":
                connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body.encode() or None)
        status = connection.getresponse().status
        connection.close()
        return status


@dataclass(frozen=True)
class Serving:
    """All three servers over one home."""

    home: Path
    dagster: Server
    mlflow: Server
    page: Server

    @property
    def all(self) -> list[Server]:
        return [self.dagster, self.mlflow, self.page]

    def materializations(self) -> int:
        with dg.DagsterInstance.from_config(str(self.home / "dagster")) as instance:
            return len(instance.fetch_materializations(KEPT, limit=10).records)

    def experiments(self) -> list[str]:
        with closing(sqlite3.connect(self.home / "mlflow" / "mlflow.db")) as store:
            return [name for (name,) in store.execute("SELECT name FROM experiments")]


@pytest.fixture(scope="module")
def serving(tmp_path_factory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("home")
    installation = Installation.with_stores(home)
    (home / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEPT))
    workspace = home / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    file = token_file(home)
    token = read_token(file)
    ports = {"dagster_ui": free_port(), "mlflow_ui": free_port()}
    more = {"dagster_ui": ["--workspace", str(workspace)], "mlflow_ui": []}
    environment = {**os.environ, **installation.environment, "DAGSTER_HOME": str(home / "dagster")}
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"studio.server.{name}",
                "--port",
                str(port),
                "--token-file",
                str(file),
                *more[name],
            ],
            cwd=PROJECT,
            env=environment,
        )
        for name, port in ports.items()
    ]
    page = installation.start("page", "--port", "0", "--token")
    processes.append(page)  # pyright: ignore[reportArgumentType]
    assert page.stdout is not None
    address = page.stdout.readline().strip()
    ports["page"] = urllib.parse.urlsplit(address).port or 0
    assert address.endswith(f"?token={token}")
    servers = []
    for name, port in ports.items():
        wait_until_it_listens(port)
        opened = requests.get(f"http://127.0.0.1:{port}/?token={token}", allow_redirects=False, timeout=60)
        assert opened.status_code == 303
        servers.append(Server(name, port, {"cookie": opened.headers["set-cookie"].partition(";")[0]}))
    yield Serving(home, *servers)
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(30)
    page.communicate()


def wait_until_it_listens(port: int) -> None:
    for _ in range(600):
        try:
            requests.get(f"http://127.0.0.1:{port}", timeout=60)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing answers at port {port}")


JSON = {"content_type": "application/json"}


def test_whoever_has_the_token_comes_in_by_browser_or_program(serving):
    own = serving.dagster
    query = json.dumps({"query": READ})
    assert own.raw("POST", "/graphql", query, **JSON, **own.cookie, origin=own.url) == 200
    bearer = {"authorization": f"Bearer {read_token(serving.home / 'token')}"}
    assert own.raw("POST", "/graphql", query, **JSON, **bearer) == 200
    search = json.dumps({"max_results": 1})
    for prefix in ("api", "ajax-api"):
        path = f"/{prefix}/2.0/mlflow/experiments/search"
        assert serving.mlflow.raw("POST", path, search, **JSON, **serving.mlflow.cookie) == 200
    for server in serving.all:
        assert server.raw("GET", "/", **server.cookie, sec_fetch_site="none") == 200
        # Ports share their cookies: one token opens all three.
        assert server.raw("GET", "/", **own.cookie) == 200


def test_without_the_token_no_server_answers_anything(serving):
    for server in serving.all:
        for wrong in ({}, {"cookie": "tintoon=x"}, {"authorization": "Bearer wrong"}):
            for path in ("/", "/?token=wrong", "/graphql", "/health", "/server_info", "/start", "/page.js"):
                assert server.raw("GET", path, **wrong) == 401, (server.name, path)
            assert server.raw("POST", "/graphql", json.dumps({"query": WIPE}), **JSON, **wrong) == 401
            assert server.raw("POST", "/pictures", "x", **wrong) == 401
        assert websocket(server, server.url, {}) == 403
    create = json.dumps({"name": "intruder"})
    assert serving.mlflow.raw("POST", "/api/2.0/mlflow/experiments/create", create, **JSON) == 401
    assert "intruder" not in serving.experiments()
    assert serving.materializations() == 1


def test_no_mutation_by_get(serving):
    own, query = serving.dagster, urllib.parse.urlencode({"query": WIPE})
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    for path in ("/graphql", "/graphql/", "//graphql", "/graphql;x", "/GraphQL"):
        for headers in ({}, link, {"accept": "text/html"}, {"x_http_method_override": "POST"}):
            own.raw("GET", f"{path}?{query}", **own.cookie, **headers)
            own.raw("HEAD", f"{path}?{query}", **own.cookie, **headers)
    assert own.raw("GET", f"/graphql?{query}", **own.cookie) == 405
    assert serving.mlflow.raw("GET", f"/graphql?{query}", **serving.mlflow.cookie) == 405
    assert serving.materializations() == 1


def test_no_mutation_by_a_forms_body(serving):
    own, query = serving.dagster, urllib.parse.urlencode({"query": WIPE})
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/plain; x=application/json",
        "multipart/form-data",
    ):
        for path in (f"/graphql?{query}", "/graphql"):
            assert own.raw("POST", path, json.dumps({"query": WIPE}), content_type=kind, **own.cookie) == 415, kind
    assert own.raw("POST", f"/graphql?{query}", **own.cookie) == 415
    assert own.raw("POST", "/report_asset_materialization/kept", "{}", **JSON, **own.cookie) == 403
    create = json.dumps({"name": "intruder"})
    for kind in ("text/plain", ""):
        path = "/ajax-api/2.0/mlflow/experiments/create"
        assert serving.mlflow.raw("POST", path, create, content_type=kind, **serving.mlflow.cookie) == 415
    assert serving.page.raw("POST", "/pictures", "x", content_type="text/plain", **serving.page.cookie) == 415
    assert serving.materializations() == 1
    assert "intruder" not in serving.experiments()


def other_origins(server: Server) -> list[str]:
    own = server.url
    return [
        *("http://evil.example", "null", "http://127.0.0.1:9999", f"http://localhost:{server.port}"),
        *(own.replace("http", "https"), f"{own}.evil.example", f"{own}@evil.example", "http://[::1]:9999"),
    ]


def test_nothing_is_done_for_another_origin(serving):
    for server in serving.all:
        for origin in other_origins(server):
            for method, path, body in (
                ("POST", "/graphql", json.dumps({"query": WIPE})),
                ("GET", "/graphql", ""),
                ("GET", "/", ""),
                ("OPTIONS", "/graphql", ""),
                ("POST", "/api/2.0/mlflow/experiments/create", '{"name": "intruder"}'),
                ("POST", "/ajax-api/2.0/mlflow/runs/search", "{}"),
                ("POST", "/pictures", "x"),
                ("POST", "/colorize", "{}"),
                ("DELETE", "/api/2.0/mlflow/logged-models/x", ""),
            ):
                status = server.raw(method, path, body, **JSON, **server.cookie, origin=origin)
                assert status == 403, (server.name, origin, method, path)
        for dest in ("script", "image", "iframe", "empty"):
            asked = {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": dest}
            assert server.raw("GET", "/", **server.cookie, **asked) == 403, (server.name, dest)
    assert serving.materializations() == 1
    assert "intruder" not in serving.experiments()


def test_nothing_is_answered_under_another_name(serving):
    for server in serving.all:
        for host in (
            *("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "localhost.", "0.0.0.0"),
            *(f"[::1]:{server.port}", "127.1", f"127.0.0.1:{server.port}@evil.example", ""),
        ):
            for path in ("/", "/health", "/version", "/server_info"):
                assert server.raw("GET", path, host=host, **server.cookie) in (400, 403), (server.name, host, path)
            asked = {"host": host, "origin": f"http://{host}"}
            status = server.raw("POST", "/graphql", json.dumps({"query": WIPE}), **JSON, **asked, **server.cookie)
            assert status in (400, 403), (server.name, host)
        for path in ("http://evil.example/", f"http://evil.example:{server.port}/graphql", "*"):
            assert server.raw("GET", path, **server.cookie) in (400, 403, 404), (server.name, path)
    assert serving.materializations() == 1


def websocket(server: Server, origin: str | None, headers: dict[str, str]) -> int:
    """The status of the handshake; 101 where the socket opens."""
    given = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_key": base64.b64encode(bytes(16)).decode(),
        "sec_websocket_version": "13",
        "sec_websocket_protocol": "graphql-ws",
        **({} if origin is None else {"origin": origin}),
    }
    return server.raw("GET", "/graphql", **given, **headers)


def test_no_websocket_for_another_origin(serving):
    own = serving.dagster
    assert websocket(own, own.url, own.cookie) == 101
    for origin in (None, *other_origins(own)):
        assert websocket(own, origin, own.cookie) == 403, origin
    assert websocket(own, "http://evil.example", {**own.cookie, "host": "evil.example"}) in (400, 403)


ATTACKS = """async ([own, query, socket]) => {
    const url = `${own}/graphql?query=${encodeURIComponent(query)}`, body = JSON.stringify({query});
    const json = {"Content-Type": "application/json"}, said = [];
    const all = {credentials: "include"};
    const attempts = [
        () => fetch(url, {...all, mode: "no-cors"}),
        () => fetch(url, all),
        () => fetch(`${own}/graphql`, {...all, method: "POST", mode: "no-cors", body}),
        () => fetch(url, {...all, method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}}),
        () => fetch(`${own}/graphql`, {...all, method: "POST", headers: json, body}),
        () => fetch(url, {...all, method: "POST", mode: "no-cors"}),
        async () => navigator.sendBeacon(url, body) && null,
        () => fetch(own, all).then((answer) => answer.text()),
        () => new Promise((done) => {
            const image = new Image();
            image.onload = () => done("loaded");
            image.onerror = () => done("refused");
            image.src = `${own}/favicon.png`;
        }),
        () => new Promise((done) => {
            const opened = new WebSocket(socket, "graphql-ws");
            opened.onopen = () => done("open");
            opened.onerror = () => done("refused");
        }),
        () => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.onload = () => done("frame");
            frame.src = url;
            document.body.append(frame);
        }),
    ];
    for (const attempt of attempts) {
        said.push(await attempt().then((answer) => answer?.type ?? answer, () => "refused"));
    }
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", enctype: "text/plain", action: url});
    document.body.append(form);
    setTimeout(() => form.submit());
    return said;
}"""
"""What a page may try with a server at another address: what each attempt came to."""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_page_of_another_port_or_host_in_a_real_browser(serving, tmp_path):
    """The browser has the cookie; to a page of another port of the same name it is no other site's."""
    own = serving.dagster
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    (tmp_path / "index.html").write_text("<!doctype html><body>evil")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site, sync_playwright() as playwright:
        Thread(target=site.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.context.request.get(f"{own.url}/?token={read_token(serving.home / 'token')}", max_redirects=0)
        assert len(page.context.cookies(own.url)) == 1
        answers: list[tuple[str, int]] = []
        page.on("response", lambda answer: answers.append((answer.url, answer.status)))
        for evil in ("127.0.0.1", "localhost"):
            page.goto(f"http://{evil}:{site.server_port}/")
            assert page.evaluate("document.cookie") == ""
            said = page.evaluate(ATTACKS, [own.url, WIPE, f"ws://127.0.0.1:{own.port}/graphql"])
            assert set(said) <= {"opaque", "refused", "frame", None}, said  # opaque: the answer cannot be read
            page.wait_for_url(f"{own.url}/graphql?**")  # the form was sent
            assert "may not ask this" in page.content()
            # And a link: it is followed, with the cookie, and changes nothing.
            page.goto(f"{own.url}/graphql?{urllib.parse.urlencode({'query': WIPE})}")
            assert "GET is not answered here" in page.content()
        browser.close()
        site.shutdown()
    came = [(url, status) for url, status in answers if url.startswith(own.url)]
    assert {status for _, status in came} == {403, 405}, came
    assert serving.materializations() == 1


def test_what_asks_other_hosts_or_runs_commands_is_switched_off(serving):
    own = serving.mlflow
    for method, path in (
        ("GET", "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=http://127.0.0.1:1/"),
        ("POST", "/ajax-api/2.0/mlflow/gateway-proxy"),
        ("POST", "/gateway/mlflow/v1/chat/completions"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/skills/install"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("POST", "/api/2.0/mlflow/webhooks"),
        ("POST", "/ajax-api/2.0/mlflow/webhooks/1/test"),
        ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/issues/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke"),
        ("POST", "/api/3.0/mlflow/prompt-optimization/jobs"),
        ("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run"),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/x"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/x"),
    ):
        assert own.raw(method, path, "{}" if method != "GET" else "", **JSON, **own.cookie) == 403, path


def test_the_token_is_in_no_command_line_and_no_log(serving):
    token = str(read_token(serving.home / "token")).encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                assert token not in (process / "cmdline").read_bytes(), process
        except (FileNotFoundError, ProcessLookupError):
            continue
    for path in serving.home.rglob("*"):
        assert path.name == "token" or not path.is_file() or token not in path.read_bytes(), path
    assert (serving.home / "token").stat().st_mode & 0o777 == 0o600


def test_what_the_attacks_tried_is_what_an_own_page_may_do(serving):
    """The last test of the file: the attacks above would have worked."""
    own = serving.dagster
    assert own.raw("POST", "/graphql", json.dumps({"query": WIPE}), **JSON, **own.cookie, origin=own.url) == 200
    assert serving.materializations() == 0
    create = json.dumps({"name": "own"})
    own = serving.mlflow
    path = "/ajax-api/2.0/mlflow/experiments/create"
    assert own.raw("POST", path, create, **JSON, **own.cookie, origin=own.url) == 200
    assert "own" in serving.experiments()
