# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A QEMU guest with a stock Debian kernel, for tests that need its USB or Bluetooth stack.

Kernel and tools are Debian packages, fetched once into build/guest and unpacked, not installed.
The machine is emulated (TCG): no /dev/kvm is asked for, so that every run is the same everywhere.
"""

import fcntl
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILD = Path(os.environ["DFU_SOURCE_DIR"]) / "build" / "guest"
TOOLS = ["busybox-static", "dfu-util", "usbip", "libusb-1.0-0", "udev", "bluez",
         "bluez-test-tools", "dbus-daemon", "libasound2", "libdw1", "libelf1", "libreadline8",
         "libdbus-1-3", "libglib2.0-0", "libsystemd0", "libapparmor1", "libaudit1", "libcap-ng0",
         "libexpat1"]
BINARIES = ["/bin/busybox", "/usr/bin/dfu-util", "/usr/sbin/usbip", "/bin/udevadm",
            "/usr/bin/btvirt", "/usr/libexec/bluetooth/bluetoothd", "/usr/bin/bluetoothctl",
            "/usr/bin/btmgmt", "/usr/bin/btmon", "/usr/bin/dbus-daemon"]
# In the order to load them. Without those before it, bluetooth has no LE secure connections:
# it needs some that it does not name, and nothing loads a module here when it is asked for.
MODULES = {
    "net": ["virtio_net", "virtio_pci"],
    "9p": ["9p", "9pnet_virtio"],
    "usb": ["vhci-hcd", "cdc-acm"],
    "ble": ["sha3_generic", "jitterentropy_rng", "sha512_generic", "ctr", "drbg", "cmac", "ecb",
            "algif_hash", "algif_skcipher", "ecdh_generic", "bluetooth", "hci_vhci"],
}
FOLDERS = ("proc sys dev tmp run var/run var/lib etc root mnt bin sbin lib lib64 lib/systemd "
           "usr/share/misc usr/share/hwdata").split()
KERNEL_PATHS = ["./boot/vmlinuz*"] + [f"./lib/modules/*/kernel/{path}/*" for path in (
    "drivers/usb", "drivers/virtio", "drivers/net", "net/core", "net/9p", "fs/9p", "fs/netfs",
    "fs/fscache", "lib", "crypto", "arch/x86/crypto", "drivers/bluetooth", "net/bluetooth",
    "net/rfkill")]


def output_of(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def kernel_package():
    """What linux-image-amd64 stands for today; a machine may not have looked yet."""
    command = ["apt-cache", "depends", "linux-image-amd64"]
    found = re.search(r"Depends: (linux-image-\S+)", subprocess.run(
        command, text=True, capture_output=True, check=False).stdout)
    if not found:
        output_of("apt-get", "-qq", "update")
        found = re.search(r"Depends: (linux-image-\S+)", output_of(*command))
    return found.group(1)


def fetch(kernel):
    """Download and unpack; a folder that is there is complete."""
    contents = repr((TOOLS, KERNEL_PATHS)).encode()
    root = BUILD / f"{kernel}-{hashlib.sha256(contents).hexdigest()[:8]}"
    if root.exists():
        return root
    debs, fresh = BUILD / "debs", BUILD / "unpacking"
    for folder in (debs, fresh):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    output_of("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", kernel, *TOOLS,
              cwd=debs)
    for deb in debs.iterdir():
        if deb.name.startswith("linux-image"):
            archive = subprocess.Popen(["dpkg", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
            subprocess.run(["tar", "x", "-C", fresh, "--wildcards", *KERNEL_PATHS],
                           stdin=archive.stdout, stderr=subprocess.DEVNULL, check=False)
            archive.stdout.close()
            archive.wait()
        else:
            output_of("dpkg", "-x", deb, fresh)
    shutil.rmtree(debs)
    fresh.rename(root)
    return root


def libraries_of(binary, root):
    """Shared libraries by name, the package's own before the host's."""
    paths = [str(root / where / "x86_64-linux-gnu") for where in ("usr/lib", "lib")]
    listed = output_of("ldd", binary, env=dict(os.environ, LD_LIBRARY_PATH=":".join(paths)))
    assert "not found" not in listed, listed
    for line in listed.splitlines():
        match = re.match(r"\s+(\S+) => (/\S+)", line)
        if match:
            yield f"lib/{match.group(1)}", match.group(2)
        match = re.match(r"\s+(/lib64/\S+) ", line)
        if match:
            yield match.group(1).lstrip("/"), match.group(1)


class ModuleTree:
    """Kernel modules with what they need, in the order to load them; there is no modules.dep."""

    def __init__(self, root):
        self.paths = {path.stem.replace("-", "_"): path for path in root.rglob("*.ko")}

    def closure(self, name, order):
        name = name.replace("-", "_")
        if name in order or name not in self.paths:  # not there: built in
            return
        info = self.paths[name].read_bytes()
        depends = re.search(rb"\0depends=([^\0]*)\0", info)
        for other in (depends.group(1).decode().split(",") if depends else []):
            if other:
                self.closure(other, order)
        order.append(name)


def cpio(entries):
    """A newc archive, made without root: path -> (mode, content)."""
    out = io.BytesIO()

    def put(number, name, mode, content=b"", device=(0, 0)):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))

    put(1, "dev", 0o40755)
    put(2, "dev/console", 0o20600, device=(5, 1))
    for number, (path, (mode, content)) in enumerate(sorted(entries.items()), 3):
        if path != "dev":
            put(number, path, mode, content)
    put(0, "TRAILER!!!", 0)
    return out.getvalue()


def initramfs(root):
    entries = {}

    def folder(path):
        while path and path != ".":
            entries.setdefault(path, (0o40755, b""))
            path = os.path.dirname(path)

    def file(path, content, mode=0o755):
        folder(os.path.dirname(path))
        entries[path] = (0o100000 | mode, content)

    for path in FOLDERS:
        folder(path)
    for binary in BINARIES:
        source = root / binary.lstrip("/")
        file(binary.lstrip("/"), source.read_bytes())
        if binary != "/bin/busybox":
            for path, library in libraries_of(source, root):
                file(path, Path(library).read_bytes())
    tree = ModuleTree(root)
    for group, names in MODULES.items():
        order = []
        for name in names:
            tree.closure(name, order)
        for name in order:
            file(f"lib/modules/{name}.ko", tree.paths[name].read_bytes(), 0o644)
        file(f"lib/modules/{group}.list", "".join(f"{name}\n" for name in order).encode(), 0o644)
    file("init", (HERE / "init.sh").read_bytes())
    return gzip.compress(cpio(entries), 1)


def prepare():
    """Kernel and initramfs; the first run fetches, later ones only pack."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = fetch(kernel_package())
        ramdisk = root / "initramfs.gz"
        ramdisk.write_bytes(initramfs(root))
    return next((root / "boot").glob("vmlinuz*")), ramdisk


def share_program(share, program, script):
    """Make the folder that the guest will mount, with a program, what it needs, and what to do."""
    (share / "lib").mkdir(parents=True)
    shutil.copy(program, share)
    for path, library in libraries_of(program, Path("/")):
        shutil.copy(library, share / "lib" / Path(path).name)
    shutil.copy(HERE / "prelude.sh", share)
    shutil.copy(HERE / script, share / "run.sh")


def start(share, console, more=None):
    """Boot; the guest mounts `share` and runs its run.sh. `more`: folders it may read, by name."""
    kernel, ramdisk = prepare()
    options = []
    for name, folder in (more or {}).items():
        options += ["-virtfs", f"local,path={folder},mount_tag={name},security_model=none,"
                               "readonly=on,multidevs=remap"]
    return subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-m", "512", "-nographic",
         "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", kernel, "-initrd", ramdisk,
         "-append", "console=ttyS0 quiet panic=-1 no_timer_check", "-netdev", "user,id=n0",
         "-device", "virtio-net-pci,netdev=n0,romfile=",
         "-virtfs", f"local,path={share},mount_tag=share,security_model=none", *options],
        stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
