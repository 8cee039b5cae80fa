"""Whatever keeps a command from being run in a container is one kind of error, with the reason in words."""

import base64
import hashlib
import re
import socket
import threading

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from migration_ops.mover.errors import ExecError
from migration_ops.mover.pod_exec import run_in_container

KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def run(api_client):
    return run_in_container(api_client, "shop", "db-0", ["true"], timeout_seconds=30)


def client_of(port):
    settings = client.Configuration()
    settings.host, settings.retries = f"http://127.0.0.1:{port}", False
    return client.ApiClient(settings)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refused_handshake_is_told_with_the_servers_words(api, status):
    api.answers.append(status)
    with pytest.raises(
        ExecError, match=rf"exec in shop/db-0: Handshake status {status} .*: as the test"
    ) as it:
        run(api.api_client)
    # Whoever tries again looks at what the server said.
    assert isinstance(it.value.__cause__, ApiException)
    assert f"Handshake status {status}" in it.value.__cause__.reason
    assert "content-type" not in str(it.value)


def test_a_server_that_is_away_is_told():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ExecError, match="refused"):
        run(client_of(port))


def test_a_connection_that_is_cut_leaves_the_end_unknown():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=shake_hands_and_leave, args=(server,))
        thread.start()
        try:
            with pytest.raises(ExecError, match="the connection was cut"):
                run(client_of(server.getsockname()[1]))
        finally:
            thread.join()


def shake_hands_and_leave(server):
    connection, _ = server.accept()
    with connection:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", asked).group(1)
        accept = base64.b64encode(hashlib.sha1(key + KEY, usedforsecurity=False).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        protocol = b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
        connection.sendall(head + protocol + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
