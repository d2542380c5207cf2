# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over DTLS 1.2: the device is verified, strangers and forgers learn why, hostile handshakes
cost nothing. The peers are OpenSSL's own s_client and s_server, and bare sockets."""

import random
import socket
import struct
import subprocess

import pytest

from virtual_device import DFU, run

CLIENTS = 8  # sessions the virtual device keeps


def openssl(*words):
    done = run("openssl", *words)
    assert done.returncode == 0, done.stderr


class Authority:
    """A CA and what it signs."""

    def __init__(self, folder, name):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-days", "2", "-keyout", self.key, "-out", self.cert)

    def sign(self, name, alternative, days=2):
        """-> (certificate, key)"""
        cert, key, request = (self.folder / f"{name}{end}"
                              for end in (".pem", "-key.pem", ".csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    ours, theirs = Authority(folder / "ours", "ours"), Authority(folder / "theirs", "theirs")
    (folder / "psk.txt").write_text("# fleet\nfield-7:000102030405060708090a0b0c0d0e0f\n"
                                    "field-8:ffffffffffffffffffffffffffffffff\n")
    (folder / "wrong.txt").write_text("field-7:00000000000000000000000000000000\n")
    (folder / "stranger.txt").write_text("field-9:000102030405060708090a0b0c0d0e0f\n")
    return {
        "ca": ours.cert, "other-ca": theirs.cert, "folder": folder,
        "device": ours.sign("device", "DNS:device.example,IP:127.0.0.1"),
        "expired": ours.sign("late", "IP:127.0.0.1", days=-1),
        "client": ours.sign("client", "DNS:client"),
        "forged": theirs.sign("client", "DNS:client"),
    }


def serve(device, images, world, *options, cert="device"):
    ready = device.start("--init", images["v1"], "--dtls", "0", "--dtls-cert", world[cert][0],
                         "--dtls-key", world[cert][1], *options, "--address", "127.0.0.1",
                         "--udp", "0")
    return f"dtls:127.0.0.1:{ready['dtls']}"


def dfu(where, *words, timeout=120):
    done = run(DFU, "-d", where, *words, timeout=timeout)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(where, *words):
    done = dfu(where, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(where, *words):
    """The one sentence."""
    done = dfu(where, "echo")
    assert done.returncode == 3, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("dfu: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0], errors[0]


# ---- Upgrades ----

def test_an_upgrade_by_single_commands(device, images, world):
    where = serve(device, images, world) + f",ca={world['ca']}"
    ok(where, "image", "upload", images["v2"])
    ok(where, "image", "test", images["v2"])
    ok(where, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    ok(where, "image", "confirm")
    ok(where, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")


def test_one_command_upgrades_though_the_device_forgets_the_connection(device, images, world):
    where = serve(device, images, world) + f",ca={world['ca']}"
    assert "2.0.0+0 runs and is confirmed" in ok(where, "upgrade", images["v2"])


def test_an_upgrade_with_a_pre_shared_key_and_no_certificates(device, images, world):
    ready = device.start("--init", images["v1"], "--dtls", "0", "--dtls-psk",
                         world["folder"] / "psk.txt")
    where = f"dtls:{device.address}:{ready['dtls']},psk={world['folder'] / 'psk.txt'}"
    assert "2.0.0+0 runs and is confirmed" in ok(where, "upgrade", images["v2"])


def test_over_ipv6_by_name(device, images, world):
    device.address = "::1"
    ready = device.start("--init", images["v1"], "--udp", "0", "--dtls", "0", "--dtls-cert",
                         world["device"][0], "--dtls-key", world["device"][1])
    where = f"dtls:[::1]:{ready['dtls']},ca={world['ca']}"
    refused(where, "certificate is for another name", "name=")
    assert ok(where + ",name=device.example", "echo", "six") == "six\n"


def test_clients_with_a_certificate_are_admitted(device, images, world):
    where = serve(device, images, world, "--dtls-ca", world["ca"]) + f",ca={world['ca']}"
    cert, key = world["client"]
    assert ok(f"{where},cert={cert},key={key}", "echo", "known") == "known\n"
    refused(where, "no DTLS")
    cert, key = world["forged"]
    refused(f"{where},cert={cert},key={key}", "no DTLS")
    device.wait_for("dtls: a client was refused")


# ---- Who is not believed, in words ----

def test_a_device_that_our_ca_did_not_sign_is_not_trusted(device, images, world):
    where = serve(device, images, world)
    refused(f"{where},ca={world['other-ca']}", "not trusted", "ca=")
    refused(where, "not trusted", "ca=")
    assert ok(f"{where},ca={world['ca']}", "echo") == "hello\n"


def test_an_expired_certificate_is_told(device, images, world):
    where = serve(device, images, world, cert="expired")
    refused(f"{where},ca={world['ca']}", "expired")


def test_a_certificate_for_somebody_else_is_told(device, images, world):
    where = serve(device, images, world) + f",ca={world['ca']}"
    refused(f"{where},name=other.example", "certificate is for another name")


def test_wrong_pre_shared_keys_are_told(device, images, world):
    folder = world["folder"]
    ready = device.start("--init", images["v1"], "--dtls", "0", "--dtls-psk", folder / "psk.txt")
    where = f"dtls:{device.address}:{ready['dtls']}"
    refused(f"{where},psk={folder / 'wrong.txt'}", "pre-shared key")
    refused(f"{where},psk={folder / 'stranger.txt'}", "pre-shared key")
    refused(f"{where},ca={world['ca']}", "no DTLS")
    assert ok(f"{where},psk={folder / 'psk.txt'}", "echo") == "hello\n"


def test_a_port_without_dtls_is_told(device, images, world):
    device.start("--init", images["v1"])
    refused(f"dtls:{device.address},ca={world['ca']}", "does not answer a DTLS handshake")


@pytest.mark.parametrize("where, word", [
    ("dtls:", "HOST[:PORT]"),
    ("dtls:h,color=red", "color=red"),
    ("dtls:h,ca=/dev/null", "no certificate"),
    ("dtls:h,psk=/dev/null", "no pre-shared key"),
    ("dtls:h,cert=/dev/null", "private key"),
])
def test_targets_that_make_no_sense_are_usage(where, word):
    done = dfu(where, "echo")
    assert done.returncode == 2 and word in done.stderr, done.stderr


@pytest.mark.parametrize("options, word", [
    (["--dtls", "0"], "--dtls-cert"),
    (["--udp", "0", "--dtls-psk", "x"], "--dtls PORT"),
    (["--dtls", "0", "--dtls-psk", "/dev/null"], "no pre-shared key"),
    (["--dtls", "0", "--dtls-cert", "/dev/null"], "private key"),
])
def test_options_that_do_not_fit_are_told(tmp_path, options, word):
    done = run(DFU, "sim", "-b", "sim", "-f", tmp_path / "flash.bin", "--hash-only", *options)
    assert done.returncode == 2 and word in done.stderr, done.stderr


# ---- Somebody else's DTLS ----

def test_openssl_s_client_verifies_the_device(device, images, world):
    where = serve(device, images, world)
    port = where.rsplit(":", 1)[1]
    done = run("openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", "-CAfile",
               world["ca"], "-verify_return_error", "-brief", input="")
    assert "Verification: OK" in done.stderr, done.stderr
    old = run("openssl", "s_client", "-dtls1", "-cipher", "ALL:@SECLEVEL=0", "-connect",
              f"127.0.0.1:{port}", "-brief", input="", timeout=60)
    assert old.returncode != 0


# ---- Hostile handshakes ----

def client_hello(cookie=b"", session=b""):
    """A DTLS 1.2 ClientHello in one record."""
    body = (b"\xfe\xfd" + bytes(range(32)) + bytes([len(session)]) + session
            + bytes([len(cookie)]) + cookie + struct.pack(">H", 2) + b"\xc0\x2b" + b"\x01\x00")
    message = (b"\x01" + len(body).to_bytes(3, "big") + b"\x00\x00" + b"\x00\x00\x00"
               + len(body).to_bytes(3, "big") + body)
    return b"\x16\xfe\xff\x00\x00" + b"\x00" * 6 + struct.pack(">H", len(message)) + message


def test_a_hello_without_a_cookie_gets_less_than_it_sent(device, images, world):
    where = serve(device, images, world)
    port = int(where.rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(10)
        for _ in range(50):
            hello = client_hello()
            stranger.sendto(hello, ("127.0.0.1", port))
            answer = stranger.recv(4096)
            assert answer[13] == 3  # HelloVerifyRequest
            assert len(answer) <= len(hello) * 2
    assert ok(f"{where},ca={world['ca']}", "echo") == "hello\n"


def test_a_cookie_is_worth_nothing_at_another_address(device, images, world):
    where = serve(device, images, world)
    port = int(where.rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for s in (one, other):
            s.settimeout(10)
        one.sendto(client_hello(), ("127.0.0.1", port))
        answer = one.recv(4096)
        cookie = answer[28:28 + answer[27]]
        other.sendto(client_hello(cookie), ("127.0.0.1", port))
        assert other.recv(4096)[13] == 3  # asked for its own


def test_more_handshakes_than_sessions_lock_nobody_out(device, images, world):
    where = serve(device, images, world)
    port = int(where.rsplit(":", 1)[1])
    strangers = []
    for _ in range(3 * CLIENTS):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(10)
        s.sendto(client_hello(), ("127.0.0.1", port))
        answer = s.recv(4096)
        s.sendto(client_hello(answer[28:28 + answer[27]]), ("127.0.0.1", port))
        strangers.append(s)
    assert ok(f"{where},ca={world['ca']}", "echo") == "hello\n"
    for s in strangers:
        s.close()


def test_who_was_heard_last_keeps_its_session(device, images, world):
    """A ninth one takes the place of the one that was silent longest."""
    where = serve(device, images, world)
    port = int(where.rsplit(":", 1)[1])
    shell = subprocess.Popen([DFU, "-d", f"{where},ca={world['ca']}", "shell"], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for n in range(2 * CLIENTS):
        if n % 4 == 0:
            shell.stdin.write("version\n")
            shell.stdin.flush()
            assert shell.stdout.readline() == "blinky 1.0.0+0\n"
            assert device.console().count("a client was refused") == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(10)
            s.sendto(client_hello(), ("127.0.0.1", port))
            answer = s.recv(4096)
            s.sendto(client_hello(answer[28:28 + answer[27]]), ("127.0.0.1", port))
    shell.stdin.write("version\n")
    shell.stdin.close()
    assert shell.stdout.readline() == "blinky 1.0.0+0\n"
    assert shell.wait(timeout=20) == 0


def test_a_request_that_restarts_the_device_ends_its_sessions(device, images, world):
    where = serve(device, images, world) + f",ca={world['ca']}"
    dfu(where, "--timeout", "2", "crash", "div0")
    device.wait_for("app: blinky 1.0.0+0 running", count=2)
    assert ok(where, "echo") == "hello\n"


def test_rubbish_is_dropped(device, images, world):
    where = serve(device, images, world)
    port = int(where.rsplit(":", 1)[1])
    chance = random.Random(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for n in range(400):
            packet = bytearray(client_hello())
            for _ in range(n % 8):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
            stranger.sendto(bytes(packet[:chance.randrange(1, len(packet) + 1)]),
                            ("127.0.0.1", port))
    assert ok(f"{where},ca={world['ca']}", "echo") == "hello\n"
