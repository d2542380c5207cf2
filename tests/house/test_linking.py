# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What a configuration does not point at is not linked: a bootloader for plain images has nothing of
encryption in it, one that is like MCUboot nothing that goes beyond it, an application without a
transport nothing of SMP."""

import os
import subprocess
from pathlib import Path

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BUILD = Path(os.environ["DFU_BINARY_DIR"])

PROGRAM = """
#include "dfu/attempts.h"
#include "dfu/boot.h"
#include "dfu/history.h"
#include "dfu/progress.h"
#include "dfu/revoke.h"
static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, 0 };
int main(void)
{
    static uint8_t buf[1024];
    static struct dfu_slot_map map;
    %s
    struct dfu_boot_config cfg = {
        .map = &map, .strategy = &dfu_boot_swap_move, .buf = buf, .buf_len = sizeof buf,
        .policy = { .hashes = hashes, .hash_only = true %s }, %s
    };
    struct dfu_boot_result out;
    return dfu_boot(&cfg, &out) == 0;
}
"""


SERVER = """
#include "dfu/smp_img.h"
#include "dfu/smp_os.h"
#include "dfu/smp_update.h"
int main(void)
{
    static uint8_t response[512];
    static struct dfu_smp_os os;
    static struct dfu_smp_binding bindings[2] = { { &dfu_smp_group_os, &os } };
    struct dfu_smp_server server = { .bindings = bindings, .binding_count = 1,
                                     .response = response, .response_cap = sizeof response };
    struct dfu_smp_link link = { 0 };
    %s
    return dfu_smp_receive(&server, response, 8, &link) == 0;
}
"""


def symbols(tmp_path, name, *parts, template=PROGRAM):
    """Names of what is in a program that was linked with the library."""
    source, program = tmp_path / f"{name}.c", tmp_path / name
    source.write_text(template % parts)
    subprocess.run(["cc", "-fsanitize=address,undefined", f"-I{SOURCE / 'include'}", source, "-o",
                    program, BUILD / "libdfukit.a", "-lcrypto"], check=True)
    listed = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in listed.splitlines()}


def test_every_link_writes_images_through_the_one_writer_and_no_other_way():
    listed = subprocess.run(["nm", "-u", BUILD / "libdfukit.a"], check=True, capture_output=True,
                            text=True).stdout
    calls = [(part.split(":")[0], {line.split()[-1] for line in part.splitlines()[1:]})
             for part in listed.strip().split("\n\n")]
    writers = {name: names for name, names in calls if "dfu_flash_img_buffered_write" in names}
    # SMP (with its page uploads), USB DFU, serial recovery, the configuration channel
    assert sorted(writers) == ["config_dfu.c.o", "group_pages.c.o", "img_upload.c.o", "slot.c.o",
                               "upload.c.o"]
    for name, names in writers.items():
        assert not {"dfu_area_write", "dfu_stream_buffered_write"} & names, name


def test_a_bootloader_without_keys_has_no_encryption_in_it(tmp_path):
    encryption = {"dfu_boot_encrypted", "dfu_image_opener", "dfu_aes_ctr_openssl",
                  "dfu_unwrap_kw_openssl", "dfu_content_key_apply", "EVP_EncryptInit_ex"}
    plain = symbols(tmp_path, "plain", "", "", "")
    assert "dfu_boot_swap_move" in plain
    assert not encryption & {name.split("@")[0] for name in plain}
    encrypted = symbols(
        tmp_path, "encrypted",
        "static const uint8_t kek[16];"
        "static const struct dfu_unwrap_key key = { &dfu_unwrap_kw_openssl, kek, 16 };"
        "static const struct dfu_image_decryption how = { &dfu_image_opener,"
        " &dfu_aes_ctr_openssl, &key, 1 };",
        ", .decryption = &how", ".encryption = &dfu_boot_encrypted")
    assert encryption <= {name.split("@")[0] for name in encrypted}


def test_what_goes_beyond_mcuboot_is_linked_only_where_it_is_named(tmp_path):
    kinds = {"attempts": "dfu_boot_attempts", "history": "dfu_boot_history",
             "revocation": "dfu_boot_revocation", "progress": "dfu_boot_progress"}
    rules = {f"{kind}_rules" for kind in kinds.values()} | {"dfu_boot_skip_equal"}
    plain = symbols(tmp_path, "plain", "", "", "")
    assert not rules & plain and "dfu_record_open" not in plain
    for field, kind in kinds.items():
        named = symbols(tmp_path, field, f"static struct {kind} it = {{ &{kind}_rules }};", "",
                        f".{field} = &it")
        assert rules & named == {f"{kind}_rules"}
    assert rules & symbols(tmp_path, "skip", "", "", ".skip = &dfu_boot_skip_equal") == {
        "dfu_boot_skip_equal"}


def test_smp_is_linked_only_where_a_transport_names_it_and_groups_only_where_bound(tmp_path):
    def smp(name, *parts, template):
        found = symbols(tmp_path, name, *parts, template=template)
        return {symbol for symbol in found if symbol.startswith("dfu_smp_")}

    assert not smp("boot", "", "", "", template=PROGRAM)
    lean = smp("lean", "", template=SERVER)
    assert "dfu_smp_receive" in lean and "dfu_smp_group_os" in lean
    assert not lean & {"dfu_smp_group_img", "dfu_smp_update_start", "dfu_smp_lock_init"}
    full = smp("full", """
        static struct dfu_smp_img img;
        static struct dfu_smp_update update;
        bindings[1] = (struct dfu_smp_binding){ &dfu_smp_group_img, &img };
        server.binding_count = 2;
        (void)dfu_smp_update_start(&update, 0);""", template=SERVER)
    assert {"dfu_smp_group_img", "dfu_smp_update_start", "dfu_smp_lock_init"} <= full
