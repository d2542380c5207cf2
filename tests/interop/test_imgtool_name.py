# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Called by the name imgtool, dfu is imgtool: its commands, exit codes and lines."""

import csv
import os
import pty
import select
import shlex
import subprocess

import pytest

from images import DFU, dfu, done, imgtool, run, unpack_vectors

# imgtool takes these keys, throws them away and ships the program in a form that no device can
# decrypt: refused here (docs/DESIGN.md, differs from imgtool).
REFUSED = {
    "-E test-only-ed25519-pub.pem",
    "-k test-only-ecdsa-p384.pem -E test-only-ecdsa-p384-pub.pem",
    "-k test-only-rsa-2048.pem -E test-only-rsa-3072-pub.pem",
}


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return unpack_vectors(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Our imgtool: a link, as a user would put it into the path."""
    link = tmp_path_factory.mktemp("bin") / "imgtool"
    link.symlink_to(DFU)
    return lambda *args, **more: run(link, args, **more)


def behaviour(vectors):
    with open(vectors / "cli-behaviour.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def last_line(text):
    return (text.decode().splitlines() or [""])[-1]


def has_same_result(row, result):
    """What a script may look at: the last line, where imgtool came to one by itself."""
    is_help = "Print imgtool version" in row["last_stdout_line"]
    if is_help or row["python_traceback"] == "yes" or row["exit_code"] == "2":
        return True
    return row["last_stdout_line"] == last_line(result.stdout)


def test_every_recorded_command_line_ends_as_imgtools(vectors, ours):
    rows = behaviour(vectors)
    assert len(rows) == 126
    before = set(vectors.iterdir())
    wrong, refused = [], 0
    for row in rows:
        line = row["imgtool_args"]
        result = ours(*shlex.split(line), cwd=vectors)
        wanted = int(row["exit_code"])
        if any(f" {keys} payload" in line for keys in REFUSED):
            wanted, refused = 2, refused + 1
        elif not has_same_result(row, result):
            wrong.append((line, row["last_stdout_line"], result.stdout))
        if result.returncode != wanted:
            wrong.append((line, wanted, result.returncode, result.stderr))
        if wanted and row["exit_code"] != "1" or row["python_traceback"] == "yes":
            said = result.stderr.decode()
            assert said.startswith("Error: ") and said.count("\n") == 1, (line, said)
        made = set(vectors.iterdir()) - before
        assert not made or wanted == 0 and {path.name for path in made} <= {"out.bin"}, (line, made)
        for path in made:
            path.unlink()
    assert not wrong and refused == len(REFUSED)


def test_it_is_the_version_whose_options_and_outputs_it_has(ours):
    assert done(ours("version")) == done(imgtool("version"))
    assert done(dfu("version")) != done(ours("version"))


def test_it_has_imgtools_commands_and_no_others(ours):
    text = done(ours()).decode()
    listed = {line.split()[0] for line in text.split("commands:\n")[1].split("\n\n")[0].splitlines()}
    peers = {line.split()[0] for line in
             done(imgtool("-h")).decode().split("Commands:\n")[1].splitlines()}
    assert peers <= listed and listed - peers <= {"keyinfo"}
    assert text.startswith("usage: imgtool ")
    assert done(ours("-h")).decode() == text
    for name in sorted(listed):
        assert done(ours(name, "-h")).decode().startswith(f"usage: imgtool {name}")
    for name in ("upgrade", "image", "sim"):
        assert ours(name).returncode == 2


def test_keygen_writes_over_a_key_as_imgtool_does_but_keeps_it_secret(ours, tmp_path):
    key = tmp_path / "key.pem"
    done(ours("keygen", "-k", key, "-t", "ed25519"))
    first = key.read_bytes()
    done(ours("keygen", "-k", key, "-t", "ed25519"))
    assert key.read_bytes() != first and key.stat().st_mode & 0o777 == 0o600


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execv(command[0], [str(word) for word in command])
        self.text = b""

    def expect(self, words):
        """Wait for words, take them and what stands before them."""
        while words not in self.text:
            assert select.select([self.fd], [], [], 20)[0], self.text
            self.text += os.read(self.fd, 4096)
        self.text = self.text.split(words, 1)[1]

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def exit_code(self):
        while True:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                break
            self.text += data
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_keygen_asks_for_a_passphrase_until_it_is_typed_twice_the_same(tmp_path):
    terminal = Terminal(DFU, "keygen", "-k", "key.pem", "-t", "ecdsa-p256", "-p", cwd=tmp_path)
    for first, second in (("correct horse", "correct hose"), ("correct horse", "correct horse")):
        terminal.expect(b"Enter key passphrase: ")
        terminal.type(first)
        terminal.expect(b"Reenter passphrase: ")
        terminal.type(second)
        if first != second:
            terminal.expect(b"Passwords do not match, try again")
    assert terminal.exit_code() == 0
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "key.pem").read_bytes()
    for typed, wanted in (("correct horse", 0), ("wrong", 2)):
        terminal = Terminal(DFU, "getpub", "-k", "key.pem", cwd=tmp_path)
        terminal.expect(b"Enter key passphrase: ")
        terminal.type(typed)
        assert terminal.exit_code() == wanted, terminal.text


def test_keygen_asks_for_the_type_that_was_not_said(tmp_path):
    terminal = Terminal(DFU, "keygen", "-k", "key.pem", cwd=tmp_path)
    terminal.expect(b"Type (")
    terminal.type("rsa-1024")
    terminal.expect(b"Type (")
    terminal.type("x25519")
    assert terminal.exit_code() == 0
    assert b"x25519_pub_key" in done(dfu("getpub", "-k", tmp_path / "key.pem"))


def test_a_protected_key_is_encrypted_as_imgtool_encrypts_it(ours, tmp_path):
    """PBES2: PBKDF2 with HMAC-SHA256, 2048 rounds, AES-256-CBC."""
    done(ours("keygen", "-k", tmp_path / "key.pem", "-t", "ed25519", "-p",
              env={"DFU_KEY_PASSPHRASE": "x"}))
    parsed = subprocess.run(["openssl", "asn1parse", "-in", tmp_path / "key.pem"], text=True,
                            capture_output=True, check=True).stdout
    for word in ("PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0800"):
        assert word in parsed
