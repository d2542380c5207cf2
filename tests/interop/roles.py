# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A virtual device that knows a key of each role, and `dfu` with such a key or without."""

from virtual_device import DFU, run

ROLES = ("observe", "operate", "update")


def make_keys(folder):
    """Private keys by the name of their role, public halves as ROLE-pub; a stranger's, too."""
    made = {}
    for name in (*ROLES, "stranger"):
        made[name] = folder / f"{name}.pem"
        assert run(DFU, "keygen", "-k", made[name], "-t", "ed25519").returncode == 0
        assert run(DFU, "getpub", "-k", made[name], "-e", "pem", "-o",
                   folder / f"{name}-pub.pem").returncode == 0
        made[f"{name}-pub"] = folder / f"{name}-pub.pem"
    return made


def role_options(keys):
    return [word for role in ROLES for word in ("--auth", f"{role}:{keys[f'{role}-pub']}")]


def dfu(where, *words, key=None, env=None):
    options = ["--auth-key", key] if key else []
    done = run(DFU, "-d", where, *words, *options, timeout=120, env=env)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(where, *words, **more):
    done = dfu(where, *words, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(where, *words, why, **more):
    done = dfu(where, *words, **more)
    assert done.returncode == 1 and why in done.stderr, done.stdout + done.stderr
    assert done.stderr.count("dfu: ") == 1, done.stderr
